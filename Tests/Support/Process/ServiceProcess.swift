package import Foundation
import Glibc

/// The real `skillrelay`, as the build left it beside the tests, in a process of its own.
package final class ServiceProcess: Sendable {
    /// How a process ended.
    package enum Exit: Hashable, Sendable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    private let process: Process
    private let folder: URL

    /// Starts it with these arguments, and with nothing in its environment but these variables.
    ///
    /// Its output goes to files, so that no pipe can fill up and hold it back.
    fileprivate init(_ arguments: [String], environment: [String: String], under tracer: [String]) throws {
        self.folder = FileManager.default.temporaryDirectory.appending(path: "skillrelay-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        self.process = Process()
        let executable = try FileManager.default.executableBesideTests("skillrelay")
        let command = tracer + [executable.path()] + arguments
        self.process.executableURL = URL(filePath: command[0])
        self.process.arguments = Array(command.dropFirst())
        self.process.environment = environment
        self.process.standardInput = FileHandle.nullDevice
        self.process.standardOutput = try self.newFile("stdout")
        self.process.standardError = try self.newFile("stderr")
        try self.process.run()
    }

    private func newFile(_ name: String) throws -> FileHandle {
        let file = self.folder.appending(path: name)
        try Data().write(to: file)
        return try FileHandle(forWritingTo: file)
    }

    /// What it has written to standard output so far.
    package var output: String { self.text("stdout") }
    /// What it has written to standard error so far: its log.
    package var log: String { self.text("stderr") }

    private func text(_ name: String) -> String {
        // Nothing to read is nothing written: the file is there from the start.
        (try? String(contentsOf: self.folder.appending(path: name), encoding: .utf8)) ?? ""
    }

    package var isRunning: Bool { self.process.isRunning }

    /// Waits until it says where it listens.
    package func port(within limit: Duration = .seconds(30)) async throws -> Int {
        try await self.awaiting("a line \"listening\" with 127.0.0.1:PORT in its log", within: limit) {
            self.log.split(separator: "\n")
                .first { $0.contains("listening") }?
                .firstMatch(of: /127\.0\.0\.1:(\d+)/)
                .flatMap { Int($0.1) }
        }
    }

    /// Sends a signal, such as `SIGTERM`.
    package func signal(_ number: Int32) {
        kill(self.process.processIdentifier, number)
    }

    /// How many file descriptors it has open.
    package var descriptorCount: Int {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(self.process.processIdentifier)/fd").count
        }
    }

    /// Lets it open no more than so many file descriptors, sockets included.
    package func limitDescriptors(to count: Int) async throws {
        try await Command.run("/usr/bin/prlimit", ["--pid", "\(self.process.processIdentifier)", "--nofile=\(count)"])
    }

    /// The processor time that it has taken, in the kernel too (proc(5), fields 14 and 15 of `stat`).
    package var processorTime: Duration {
        get throws {
            let path = "/proc/\(self.process.processIdentifier)/stat"
            // The second field, in brackets, may hold anything.
            let fields = try String(contentsOfFile: path, encoding: .utf8).split(separator: ") ")[1]
            let ticks = fields.split(separator: " ")[11...12].compactMap { Int($0) }.reduce(0, +)
            return .seconds(ticks) / sysconf(Int32(_SC_CLK_TCK))
        }
    }

    /// Waits until it has ended, and returns how.
    package func exit(within limit: Duration = .seconds(20)) async throws -> Exit {
        try await eventually("skillrelay ends, which logged:\n\(self.log.suffix(4000))", within: limit) {
            guard !self.process.isRunning else { return nil }
            switch self.process.terminationReason {
            case .exit: return .exited(self.process.terminationStatus)
            case .uncaughtSignal: return .killed(signal: self.process.terminationStatus)
            @unknown default: throw TestError("ended in an unknown way")
            }
        }
    }

    /// Waits for something that only a running process can bring about.
    private func awaiting<Value>(_ what: String, within limit: Duration, value: () -> Value?) async throws -> Value {
        do {
            return try await eventually(what, within: limit) {
                if let value = value() { return value }
                guard self.process.isRunning else { throw TestError("skillrelay ended before: \(what)") }
                return nil
            }
        } catch let error as TestError {
            throw TestError("\(error); it logged:\n\(self.log.suffix(4000))")
        }
    }

    /// Ends it, stopped or not, and removes its files.
    fileprivate func discard() async throws {
        if self.process.isRunning {
            self.signal(SIGKILL)
            _ = try await self.exit()
        }
        try FileManager.default.removeItem(at: self.folder)
    }
}

/// Lends a running `skillrelay` to a test; it never outlives the test. `tracer` is a command that runs the one it is given, in its own place.
package func withService<Result>(
    _ arguments: [String] = ["serve"],
    environment: [String: String],
    under tracer: [String] = [],
    _ body: (ServiceProcess) async throws -> Result
) async throws -> Result {
    let service = try ServiceProcess(arguments, environment: environment, under: tracer)
    return try await cleaningUp {
        try await body(service)
    } afterwards: {
        try await service.discard()
    }
}

/// Makes a project with the real command; its bearer token.
package func makeProject(in database: String, pepper: String) async throws -> String {
    struct Project: Decodable { let token: String }
    return try await withService(
        ["project", "create", "--json"],
        environment: ["DATABASE_URL": database, "ROOT_SECRET_PEPPER": pepper]
    ) { command in
        guard try await command.exit() == .exited(0) else {
            throw TestError("project create failed: \(command.log)")
        }
        return try JSONDecoder().decode(Project.self, from: Data(command.output.utf8)).token
    }
}

extension FileManager {
    /// An executable product of the build that the running tests come from.
    package func executableBesideTests(_ name: String) throws -> URL {
        let tests = URL(filePath: try self.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        let executable = tests.deletingLastPathComponent().appending(path: name)
        guard self.isExecutableFile(atPath: executable.path()) else {
            throw TestError("no \(name) beside \(tests.path())")
        }
        return executable
    }
}
