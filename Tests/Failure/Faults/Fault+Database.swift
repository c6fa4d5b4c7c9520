import Foundation
import Glibc
import Postgres
import Support

extension Fault {
    static let database: [Fault] = [
        Fault("database: SIGKILL, restart", .database, .everyInstance, lasting: .seconds(1)) { cluster in
            try await cluster.servers.crash(.postgres)
            return { try await cluster.servers.revive() }
        },
        .frozenDatabase(for: .seconds(5)),
        Fault("database: pg_terminate_backend", .database, .everyInstance, lasting: .zero) { cluster in
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

    static func frozenDatabase(for duration: Duration) -> Fault {
        Fault("database: SIGSTOP for \(duration.components.seconds) s", .database, .everyInstance, lasting: duration) {
            cluster in
            try cluster.servers.signal(SIGSTOP, .postgres)
            return { try cluster.servers.signal(SIGCONT, .postgres) }
        }
    }
}
