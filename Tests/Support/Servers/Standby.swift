import Foundation
import Glibc
import Postgres

/// A second PostgreSQL that follows the first of a private pair, synchronously: what is committed there is here too.
package struct Standby: Sendable {
    package let port: Int
    private let folder: String
    private let programs: String

    fileprivate init(beside servers: PrivateServers) throws {
        self.programs = try Self.newestPrograms()
        self.folder = servers.folder + "/postgres/standby"
        self.port = try LoopbackSocket.freePort()
    }

    /// Copies the server and starts the copy, which follows it from then on.
    fileprivate func start(_ servers: PrivateServers) async throws {
        try await self.run(
            "pg_basebackup", "--pgdata", self.folder, "--write-recovery-conf", "--checkpoint", "fast",
            "--dbname", try Self.administratorURL(of: servers)
        )
        // A standby must allow as many connections as the server it follows.
        let options = "-p \(self.port) -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200"
        try await self.run(
            "pg_ctl", "start", "--wait", "--pgdata", self.folder, "--log", self.folder + ".log", "--options", options
        )
    }

    fileprivate func stop() async throws {
        try await self.run("pg_ctl", "stop", "--wait", "--mode", "immediate", "--pgdata", self.folder)
    }

    /// From now on the server's commits wait for the standby.
    fileprivate static func beginWaiting(_ servers: PrivateServers) async throws {
        try await Self.administer(servers, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        try await eventually("the standby follows the server") {
            try await withTestConnection(to: Self.administratorURL(of: servers)) { connection in
                try await TestDatabase(url: "", connection: connection).value(
                    "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", as: Int.self
                ) == 1
            }
        }
    }

    /// It may have been crashed; alone, it must not wait for a standby with its commits.
    fileprivate static func endWaiting(_ servers: PrivateServers) async throws {
        try await servers.revive()
        try await Self.administer(servers, "ALTER SYSTEM RESET synchronous_standby_names")
    }

    /// Makes it the server that takes writes.
    package func promote() async throws {
        try await self.run("pg_ctl", "promote", "--wait", "--pgdata", self.folder)
    }

    private static func administer(_ servers: PrivateServers, _ change: String) async throws {
        try await withTestConnection(to: Self.administratorURL(of: servers)) { connection in
            for statement in [change, "SELECT pg_reload_conf()"] {
                try await connection.perform { session in try session.script(statement) }
            }
        }
    }

    private static func administratorURL(of servers: PrivateServers) throws -> String {
        let password = try servers.setting("admin_password")
        return "postgresql://postgres:\(password)@127.0.0.1:\(try TestURL(TestEnvironment.databaseURL).port)/postgres"
    }

    /// Runs one of PostgreSQL's programs as the user that owns the servers' data.
    private func run(_ program: String, _ arguments: String...) async throws {
        let owner = geteuid() == 0 ? ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"] : []
        try await Command.run("/usr/bin/env", owner + [self.programs + "/" + program] + arguments)
    }

    private static func newestPrograms() throws -> String {
        let versions = try FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql").compactMap { Int($0) }
        guard let newest = versions.max() else { throw TestError("no PostgreSQL under /usr/lib/postgresql") }
        return "/usr/lib/postgresql/\(newest)/bin"
    }
}

/// Lends a synchronous standby of the servers' PostgreSQL, which a test may crash meanwhile; afterwards that one is alone again.
package func withStandby<Result>(of servers: PrivateServers, _ body: (Standby) async throws -> Result) async throws
    -> Result
{
    let standby = try Standby(beside: servers)
    return try await cleaningUp {
        try await standby.start(servers)
        return try await cleaningUp {
            try await Standby.beginWaiting(servers)
            return try await body(standby)
        } afterwards: {
            try await Standby.endWaiting(servers)
        }
    } afterwards: {
        try await standby.stop()
    }
}
