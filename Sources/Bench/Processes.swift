import Foundation

/// Programs that a measurement needs.
enum Program {
    /// Runs a program to its end.
    /// - Returns: what it printed to standard output.
    @discardableResult
    static func run(_ executable: String, _ arguments: [String], _ environment: [String: String] = [:]) throws -> String
    {
        let process = Process()
        process.executableURL = URL(filePath: executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        // Dispatch's threads block signals and a child inherits that; pgbench ends by one.
        var none = sigset_t()
        var usual = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &usual)
        defer { pthread_sigmask(SIG_SETMASK, &usual, nil) }
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw BenchError("\(executable) \(arguments) failed: \(text)") }
        return text
    }
}

/// `skillrelay serve`, as its users run it.
final class ServeProcess {
    static let pepper = "bench"
    let port: UInt16
    private let process: Process

    static func with<R>(role: String, _ bench: Bench, _ body: (ServeProcess) async throws -> R) async throws -> R {
        let serve = try await ServeProcess(role: role, bench)
        let result: R
        do { result = try await body(serve) } catch {
            serve.stop()
            throw error
        }
        serve.stop()
        return result
    }

    private init(role: String, _ bench: Bench) async throws {
        let log = FileManager.default.temporaryDirectory.appending(path: "bench-serve-\(UUID().uuidString).log")
        _ = FileManager.default.createFile(atPath: log.path(), contents: nil)
        let handle = try FileHandle(forUpdating: log)
        try FileManager.default.removeItem(at: log)  // open is enough
        self.process = Process()
        self.process.executableURL = URL(filePath: bench.binary)
        self.process.arguments = ["serve"]
        self.process.environment = ProcessInfo.processInfo.environment.merging([
            "DATABASE_URL": bench.databaseURL, "SKILLRELAY_ROLE": role, "SKILLRELAY_PORT": "0",
            "ROOT_SECRET_PEPPER": Self.pepper,
        ]) { $1 }
        self.process.standardError = handle
        try self.process.run()
        for _ in 0..<200 {
            try await Task.sleep(for: .milliseconds(50))
            try handle.seek(toOffset: 0)
            let text = String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self)
            if let match = text.firstMatch(of: #/listening.*port=(\d+)/#), let port = UInt16(match.1) {
                self.port = port
                return
            }
        }
        self.process.terminate()
        throw BenchError("serve does not listen")
    }

    private func stop() {
        self.process.terminate()
        self.process.waitUntilExit()
    }

    /// Processor time so far.
    func processorSeconds() throws -> Double {
        let fields = try self.proc("stat").split(separator: ")").last?.split(separator: " ") ?? []
        // utime and stime, in ticks of 10 ms (proc(5)).
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return .nan }
        return (user + system) / 100
    }

    /// Resident memory now, in megabytes of 1,000,000 bytes.
    func residentMegabytes() throws -> Double { try self.megabytes("VmRSS:") }
    /// The most that it ever was.
    func peakMegabytes() throws -> Double { try self.megabytes("VmHWM:") }

    private func megabytes(_ field: String) throws -> Double {
        let line = try self.proc("status").split(separator: "\n").first { $0.hasPrefix(field) }
        let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { Double($0) }
        return (kibibytes ?? .nan) * 1024 / 1_000_000
    }

    private func proc(_ file: String) throws -> String {
        try String(contentsOfFile: "/proc/\(self.process.processIdentifier)/\(file)", encoding: .utf8)
    }
}
