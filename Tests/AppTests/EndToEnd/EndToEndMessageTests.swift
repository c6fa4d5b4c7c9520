import Foundation
import Postgres
import RabbitMQ
import Support
import Testing

/// What becomes of messages in an object store and in the broker: the real binary, real servers, asserted from outside.
@Suite(.timeLimit(.minutes(2)))
struct EndToEndMessageTests {
    /// Where CORE reads of new messages (contract.md §5.1).
    private static let queue = "session.message.insert.entry"
    private static let body = #"{"format": "openai", "blob": {"role": "user", "content": "write it down"}}"#

    private static func store(_ client: ProjectClient, in session: String) async throws -> HTTPAnswer {
        try await client.probe.send(
            "POST", "/api/v1/session/\(session)/messages", headers: ["content-type": "application/json"],
            body: Self.body)
    }

    @Test("a message is told of once, under the id of its event, and not before its parts can be read")
    func told() async throws {
        struct Message: Decodable { let id: String }
        try await EndToEnd.with { system in
            try await system.vhost.withConnection { core in
                try await core.declareExchange("session.message")
                try await core.declareQueue(Self.queue)
                try await core.bindQueue(
                    Self.queue, exchange: "session.message", routingKey: "session.message.insert")
            }
            try await withObjectStore { objects in
                try await system.serve(environment: objects.environment) { _, client in
                    let session = try await client.makeSession()
                    let answer = try await Self.store(client, in: session)
                    #expect(answer.status == 201)
                    let id = try answer.data(as: Message.self).id
                    let told = try await eventually("CORE is told") {
                        let messages = try await system.vhost.peek(Self.queue)
                        return messages.isEmpty ? nil : messages
                    }
                    #expect(told.count == 1)
                    let project = try #require(
                        try await system.database.values("SELECT project_id FROM sessions", as: UUID.self).first)
                    #expect(
                        told[0].payload == """
                            {"project_id":"\(project.lowercased)","session_id":"\(session)","message_id":"\(id)"}
                            """)
                    #expect(told[0].properties.type == "InsertNewMessage")
                    #expect(try await system.eventIDs() == [told[0].properties.message_id])
                    let key = try #require(try objects.keys.first)
                    #expect(try objects.bytes(key) == Array(#"[{"type":"text","text":"write it down"}]"#.utf8))
                }
            }
        }
    }

    @Test("a file is an object, its URL fetches it, and both go with the session")
    func file() async throws {
        try await EndToEnd.with { system in
            try await withObjectStore { objects in
                try await system.serve(environment: objects.environment) { _, client in
                    let session = try await client.makeSession()
                    let payload = #"""
                        {"format": "acontext", "blob": {"role": "user", "parts": [{"type": "file", "file_field": "f"}]}}
                        """#
                    let form = """
                        --line\r
                        Content-Disposition: form-data; name="payload"\r
                        \r
                        \(payload)\r
                        --line\r
                        Content-Disposition: form-data; name="f"; filename="note.TXT"\r
                        Content-Type: text/plain\r
                        \r
                        a note\r
                        --line--\r

                        """
                    let stored = try await client.probe.send(
                        "POST", "/api/v1/session/\(session)/messages",
                        headers: ["content-type": "multipart/form-data; boundary=line"], body: form)
                    #expect(stored.status == 201, "\(stored.text)")
                    let key = try #require(try objects.keys.first { $0.hasPrefix("assets/") && $0.hasSuffix(".txt") })
                    #expect(try objects.bytes(key) == Array("a note".utf8))
                    let listed = try await client.probe.send(
                        "GET", "/api/v1/session/\(session)/messages?format=acontext")
                    let path = try #require(listed.text.firstMatch(of: #/http://127\.0\.0\.1:\d+(/[^"]+)/#)).1
                    let fetcher = HTTPProbe(
                        port: objects.port, headers: ["host": "127.0.0.1:\(objects.port)"])
                    let fetched = try await fetcher.send("GET", String(path))
                    #expect(fetched.status == 200 && fetched.text == "a note")
                    #expect(try await client.probe.send("DELETE", "/api/v1/session/\(session)").status == 200)
                    try await eventually("the objects are removed") { try objects.keys.isEmpty }
                }
            }
        }
    }

    @Test("with the object store away nothing is changed, and the answer says when to come back")
    func away() async throws {
        try await EndToEnd.with { system in
            try await withObjectStore { objects in
                try await withFaultProxy(to: objects.port) { proxy in
                    let environment = objects.environment.merging(
                        ["S3_INTERNAL_ENDPOINT": "http://127.0.0.1:\(proxy.port)"]) { $1 }
                    try await system.serve(environment: environment) { _, client in
                        let session = try await client.makeSession()
                        for isSilent in [false, true] {
                            if isSilent {
                                proxy.open()
                                proxy.hold()
                            }
                            let answer = try await Self.store(client, in: session)
                            #expect(answer.status == 503 && answer.headers["retry-after"] == "1")
                            #expect(answer.text.contains("nothing was changed"))
                        }
                        #expect(try await system.database.value("SELECT count(*) FROM messages", as: Int.self) == 0)
                        #expect(try await system.eventIDs().isEmpty)
                        proxy.heal()
                        #expect(try await Self.store(client, in: session).status == 201)
                    }
                }
            }
        }
    }
}
