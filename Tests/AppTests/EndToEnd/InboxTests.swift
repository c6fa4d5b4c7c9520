import Foundation
import Postgres
import RabbitMQ
import Support
import Testing

/// What docs/guarantees.md tells consumers to do, word for word.
@Suite("The inbox of docs/guarantees.md", .timeLimit(.minutes(2)))
struct InboxTests {
    /// The statements of the document's SQL.
    private func statements() throws -> [String] {
        let document = try String(contentsOf: Repository.file("docs/guarantees.md"), encoding: .utf8)
        let block = try #require(document.split(separator: "```sql\n").dropFirst().first?.split(separator: "```").first)
        return block.split(separator: "\n").filter { !$0.hasPrefix("--") }.joined(separator: "\n")
            .split(separator: ";").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }.filter { !$0.isEmpty }
    }

    @Test("a consumer with an inbox does the work of a repeated message once")
    func repeatedMessage() async throws {
        let sql = try self.statements()
        #expect(sql.map { $0.split(separator: " ")[0] } == ["CREATE", "INSERT", "DELETE"])
        let receive = PostgresStatement("inbox.receive", sql[1])
        try await EndToEnd.withService { system, client in
            try await system.database.script("\(sql[0]); CREATE TABLE work (message_id uuid)")
            let task = try await client.makeLearningTask()
            #expect(try await client.setStatus(of: task, to: "success").status == 200)
            var messages = try await system.delivered()
            // Sent again under its id, as after a crash between the broker's confirm and our commit.
            try await system.database.script(
                "INSERT INTO skillrelay.outbox_pending (id, exchange, routing_key) SELECT id, exchange, routing_key FROM skillrelay.outbox"
            )
            messages += try await system.delivered()
            #expect(messages.count == 2)
            #expect(Set(messages.map(\.messageID)).count == 1)

            let ids = Set(try messages.map { try #require(UUID(uuidString: $0.messageID)) })
            for message in messages {
                let id = try #require(UUID(uuidString: message.messageID))
                try await system.database.script("BEGIN")
                _ = try await Self.work(on: id, receive, system.database.connection)
                try await system.database.script("COMMIT")
            }
            #expect(try await system.database.value("SELECT count(*) FROM work", as: Int.self) == 1)
            // One from long ago goes, this one stays.
            try await system.database.script(
                "INSERT INTO inbox VALUES (gen_random_uuid(), now() - interval '61 days'); \(sql[2])"
            )
            #expect(try await system.database.values("SELECT message_id FROM inbox", as: UUID.self) == Array(ids))
        }
    }

    @Test("of two consumers that get a message at once the second waits, and does the work only if the first did not")
    func atOnce() async throws {
        let sql = try self.statements()
        let receive = PostgresStatement("inbox.receive", sql[1])
        try await withTestDatabase { database in
            try await database.script("\(sql[0]); CREATE TABLE work (message_id uuid)")
            for firstSucceeds in [true, false] {
                let id = UUID()
                try await database.script("BEGIN")
                #expect(try await Self.work(on: id, receive, database.connection))
                try await withTestConnection(to: database.url) { other in
                    async let isWorkOfSecond = Self.work(on: id, receive, other)
                    try await withTestConnection(to: database.url) { observer in
                        let locks = TestDatabase(url: database.url, connection: observer)
                        try await eventually("the second waits") {
                            try await locks.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1
                        }
                    }
                    try await database.script(firstSucceeds ? "COMMIT" : "ROLLBACK")
                    #expect(try await isWorkOfSecond != firstSucceeds)
                }
                let count = try await database.value(
                    "SELECT count(*) FROM work WHERE message_id = $1", [.uuid(id)], as: Int.self
                )
                #expect(count == 1)
            }
        }
    }

    /// What a consumer does in one transaction; true when the work was its own.
    private static func work(
        on id: UUID,
        _ receive: PostgresStatement,
        _ connection: PostgresConnection
    ) async throws -> Bool {
        try await connection.perform { session in
            guard try session.execute(receive, [.uuid(id)]) == 1 else { return false }
            try session.execute(Self.work, [.uuid(id)])
            return true
        }
    }

    private static let work = PostgresStatement("inbox.work", "INSERT INTO work VALUES ($1)")
}
