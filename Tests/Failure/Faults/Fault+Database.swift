import Foundation
import Glibc
import Postgres
import Support

extension Fault {
    static let database: [Fault] = [
        Fault("database: SIGKILL, restart", .database, .noneAlone, lasting: .seconds(1)) { cluster in
            try await cluster.servers.crash(.postgres)
            return { try await cluster.servers.revive() }
        },
        .restarted("fast", by: SIGINT),
        .restarted("immediate", by: SIGQUIT),
        Fault("database: SIGKILL of a session", .database, .noneAlone, lasting: .zero) { cluster in
            // The server takes it for a crash: it ends all sessions, and recovers.
            let sessions = try await cluster.query(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'skillrelay'",
                as: Int.self
            )
            guard let session = sessions.first else { throw TestError("the service has no session") }
            kill(pid_t(session), SIGKILL)
            return {
                try await eventually("the database answers again") {
                    (try? await cluster.query("SELECT 1", as: Int.self)) == [1]
                }
            }
        },
        .frozenDatabase(for: .seconds(5)),
        Fault("database: pg_terminate_backend", .database, .noneAlone, lasting: .zero) { cluster in
            _ = try await cluster.query(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'skillrelay'
                """,
                as: Bool.self
            )
            return {}
        },
        Fault("database: a long transaction", .database, .none, lasting: .seconds(5)) { cluster in
            let end = AsyncStream.makeStream(of: Void.self)
            // Owned by the fault: it ends with the heal, or with the database.
            let transaction = Task {
                try await withTestConnection(to: cluster.databaseURL) { connection in
                    try await connection.perform { session in
                        try session.script(
                            "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM skillrelay.outbox LIMIT 1")
                    }
                    for await _ in end.stream {}
                }
            }
            return {
                end.continuation.finish()
                // It may have been ended by another fault.
                _ = await transaction.result
            }
        },
    ]

    /// What `pg_ctl restart --mode` does.
    private static func restarted(_ mode: String, by signal: Int32) -> Fault {
        Fault("database: restart, \(mode)", .database, .noneAlone, lasting: .zero) { cluster in
            try await cluster.servers.crash(.postgres, by: signal)
            return { try await cluster.servers.revive() }
        }
    }

    static func frozenDatabase(for duration: Duration) -> Fault {
        Fault("database: SIGSTOP for \(duration.components.seconds) s", .database, .noneAlone, lasting: duration) {
            cluster in
            try cluster.servers.signal(SIGSTOP, .postgres)
            return { try cluster.servers.signal(SIGCONT, .postgres) }
        }
    }
}
