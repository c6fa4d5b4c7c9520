import Foundation
import Glibc

/// A PostgreSQL and a RabbitMQ that tests may kill, freeze and start again: `scripts/services`, in a folder of their own.
package struct PrivateServers: Sendable {
    package enum Server: String, Sendable {
        case postgres
        case rabbitmq
    }

    /// Where they are: what `scripts/services env` prints.
    package let variables: [String: String]
    let folder: String

    private init(folder: String) async throws {
        try await Self.services("start", folder)
        let lines = try await Self.services("env", folder).split(separator: "\n")
        self.folder = folder
        self.variables = try lines.reduce(into: [:]) { variables, line in
            guard let match = line.wholeMatch(of: /export (\w+)='?([^']*)'?/) else {
                throw TestError("no export: \(line)")
            }
            variables[String(match.1)] = String(match.2)
        }
    }

    fileprivate static func start() async throws -> PrivateServers {
        // A script that runs the tests names the folder, so that it can stop the servers whatever becomes of the tests.
        let folder =
            ProcessInfo.processInfo.environment["SKILLRELAY_FAILURE_SERVICES"]
            ?? FileManager.default.temporaryDirectory.appending(path: "skillrelay-failure-\(getpid())").path()
        return try await PrivateServers(folder: folder)
    }

    /// Sends a signal to the server's processes, the main one first.
    package func signal(_ number: Int32, _ server: Server) throws {
        for process in try self.processes(of: server) {
            kill(process, number)
        }
    }

    /// Ends a server, by default as a crash does. It stays down until ``revive()``.
    package func crash(_ server: Server, by signal: Int32 = SIGKILL) async throws {
        let process = try self.mainProcess(of: server)
        kill(process, signal)
        try await eventually("\(server) is gone") { kill(process, 0) != 0 || Self.isZombie(process) }
    }

    /// Starts again, on its data, what has crashed, and waits until it answers.
    package func revive() async throws {
        try await Self.services("revive", self.folder)
    }

    @discardableResult
    package func rabbitmqctl(_ arguments: String...) async throws -> String {
        guard let control = self.variables["RABBITMQCTL"] else { throw TestError("RABBITMQCTL is not set") }
        return try await Command.run(control, arguments)
    }

    fileprivate func stop() async throws {
        try await Self.services("stop", self.folder)
    }

    /// PostgreSQL has a process for each session; the broker is one.
    private func processes(of server: Server) throws -> [pid_t] {
        let main = try self.mainProcess(of: server)
        guard server == .postgres else { return [main] }
        let children = try String(contentsOfFile: "/proc/\(main)/task/\(main)/children", encoding: .utf8)
        return [main] + children.split(separator: " ").compactMap { pid_t($0) }
    }

    private func mainProcess(of server: Server) throws -> pid_t {
        guard let process = pid_t(try self.setting("\(server.rawValue)_process")) else {
            throw TestError("no process of \(server)")
        }
        return process
    }

    /// What `scripts/services` has drawn for this pair and noted.
    func setting(_ name: String) throws -> String {
        let settings = try String(contentsOfFile: self.folder + "/settings", encoding: .utf8)
        guard let line = settings.split(separator: "\n").first(where: { $0.hasPrefix(name + "=") }) else {
            throw TestError("no \(name) in \(self.folder)/settings")
        }
        return String(line.dropFirst(name.count + 1))
    }

    /// Ended, and nobody has asked how: the third field of its `stat`, after the name in brackets.
    private static func isZombie(_ process: pid_t) -> Bool {
        let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)  // none is gone, too
        return stat?.split(separator: ")").last?.hasPrefix(" Z") ?? true
    }

    @discardableResult
    private static func services(_ command: String, _ folder: String) async throws -> String {
        let script = URL(filePath: #filePath).appending(path: "../../../../scripts/services").standardized.path()
        return try await Command.run(script, [command, "--dir", folder])
    }
}

/// Lends a pair of servers; whatever asks ``TestEnvironment`` meanwhile is led to it.
package func withPrivateServers(_ body: (PrivateServers) async throws -> Void) async throws {
    let servers = try await PrivateServers.start()
    try await cleaningUp {
        let variables = TestEnvironment.variables.merging(servers.variables) { $1 }
        try await TestEnvironment.$variables.withValue(variables) { try await body(servers) }
    } afterwards: {
        try await servers.stop()
    }
}
