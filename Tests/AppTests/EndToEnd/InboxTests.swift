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

            for message in messages {
                let id = try #require(UUID(uuidString: message.messageID))
                try await system.database.connection.perform { session in
                    try session.transaction {
                        guard try session.execute(receive, [.uuid(id)]) == 1 else { return }
                        try session.execute(Self.work, [.uuid(id)])
                    }
                }
            }
            #expect(try await system.database.value("SELECT count(*) FROM work", as: Int.self) == 1)
            try await system.database.script(sql[2])
            #expect(try await system.database.value("SELECT count(*) FROM inbox", as: Int.self) == 1)
        }
    }

    private static let work = PostgresStatement("inbox.work", "INSERT INTO work VALUES ($1)")
}
