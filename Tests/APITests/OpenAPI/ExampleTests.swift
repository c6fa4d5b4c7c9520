import Foundation
import Outbox
import Postgres
import Support
import Testing

@testable import API

/// Each operation that a project's token opens, by the example that `/openapi.json` has of it.
@Suite("The examples in /openapi.json (PostgreSQL)", .timeLimit(.minutes(2)))
struct ExampleTests {
    private let document: OpenAPIDocument
    private let examples: [OpenAPIExample]

    init() throws {
        self.document = try OpenAPIDocument()
        self.examples = try OpenAPIExample.ofProjects(in: self.document)
    }

    @Test("succeed, and are answered as it says, to the last member")
    func success() async throws {
        try await withAPI { api in
            try await api.makeExampleRows()
            for example in self.examples {
                let answer = try await example.send(to: api.client)
                #expect((200...201).contains(answer.status), "\(example.operation): \(answer.text)")
                #expect(try self.document.faults(of: answer, to: example.operation) == [], "\(answer.text)")
            }
        }
    }

    @Test("are 401 without a token, and change nothing")
    func unauthorized() async throws {
        try await self.expectRefused(401) { api, example in try await example.send(to: HTTPProbe(port: api.port)) }
    }

    @Test("are 400 under ids that are none, and change nothing")
    func badIDs() async throws {
        try await self.expectRefused(400) { api, example in
            guard let path = example.path(id: "none") else { return nil }
            return try await example.send(to: api.client, path: path)
        }
    }

    @Test("are 404 under ids of nothing, and change nothing")
    func unknownIDs() async throws {
        try await self.expectRefused(404) { api, example in
            guard let path = example.path(id: UUID().lowercased) else { return nil }
            return try await example.send(to: api.client, path: path)
        }
    }

    @Test("are 422 under a key that was used for another request, and change nothing")
    func usedKeys() async throws {
        try await self.expectRefused(422) { api, example in
            guard example.takesKey else { return nil }
            return try await example.send(to: api.client, headers: ["idempotency-key": "used"])
        }
    }

    @Test("are 413 with a body that is too large, and change nothing")
    func largeBodies() async throws {
        try await self.expectRefused(413) { api, example in
            guard let body = example.body else { return nil }
            let length = "\(1 << 40)"
            return try await api.client.send(
                example.method, example.path, headers: ["content-length": length], body: body)
        }
    }

    @Test("are 403 of a project that keeps its data encrypted, and change nothing")
    func encrypted() async throws {
        try await self.expectRefused(403, in: "UPDATE public.projects SET encryption_enabled = true") { api, example in
            try await example.send(to: api.client)
        }
    }

    /// Sends each example's request; nil where there is none to send.
    private func expectRefused(
        _ status: Int,
        in state: String? = nil,
        send: @Sendable (APIFixture, OpenAPIExample) async throws -> HTTPAnswer?
    ) async throws {
        try await withAPI { api in
            try await api.makeExampleRows()
            _ = try await api.client.send("POST", "/api/v1/session", headers: ["idempotency-key": "used"], body: "{}")
            if let state {
                try await api.database.script(
                    "ALTER TABLE public.projects ADD COLUMN encryption_enabled boolean NOT NULL DEFAULT false; \(state)"
                )
                try await eventually("the project is read again") {
                    try await api.client.send("GET", "/api/v1/ping").status != 200
                }
            }
            let before = try await api.possessions(of: api.project)
            var count = 0
            for example in self.examples {
                guard let answer = try await send(api, example) else { continue }
                count += 1
                #expect(answer.status == status, "\(example.operation): \(answer.text)")
                #expect(try self.document.faults(of: answer, to: example.operation) == [], "\(answer.text)")
            }
            #expect(count > 10)
            #expect(try await api.possessions(of: api.project) == before)
        }
    }

    // MARK: Other projects

    @Test("of another project get what docs/contract.md says, and change and show nothing")
    func isolation() async throws {
        let told = try Self.foreignStatuses()
        #expect(Set(told.keys) == Set(self.examples.map(\.operation)))
        try await withAPI { api in
            try await api.makeExampleRows()
            let before = try await api.possessions(of: api.project)
            let ids = Set(self.examples.flatMap { $0.path.matches(of: #/[0-9a-f-]{36}/#).map { $0.output } })
            for example in self.examples {
                // Each has nothing yet: what one example makes, the next would find.
                let stranger = api.client(token: try await api.makeProject(phc: "unused").token)
                let answer = try await example.send(to: stranger)
                #expect("\(answer.status)" == told[example.operation], "\(example.operation): \(answer.text)")
                #expect(try self.document.faults(of: answer, to: example.operation) == [], "\(answer.text)")
                #expect(!ids.contains { answer.text.contains($0) }, "\(example.operation): \(answer.text)")
                #expect(try await api.possessions(of: api.project) == before, "\(example.operation)")
            }
        }
    }

    /// What a key of another project gets from each operation, as the page's table has it.
    private static func foreignStatuses() throws -> [String: String] {
        let file = URL(filePath: #filePath).appending(path: "../../../../docs/contract.md").standardized
        let page = try String(contentsOf: file, encoding: .utf8)
        let rows = page.matches(of: #/(?m)^\| `([A-Z]+) (/\S+)` \| (\d{3})\b/#)
        return Dictionary(
            uniqueKeysWithValues: rows.map { ("\($0.output.1) /api/v1\($0.output.2)", String($0.output.3)) })
    }
}

extension APIFixture {
    /// All that is a project's, and what was set off by it, as one text.
    fileprivate func possessions(of project: UUID) async throws -> String {
        let sessions = "session_id IN (SELECT id FROM public.sessions WHERE project_id = '\(project)')"
        let spaces = "learning_space_id IN (SELECT id FROM public.learning_spaces WHERE project_id = '\(project)')"
        let own = ["users", "sessions", "tasks", "learning_spaces", "disks", "agent_skills"].map {
            ("public.\($0)", "project_id = '\(project)'")
        }
        let others = [
            ("public.messages", sessions), ("public.learning_space_sessions", spaces),
            ("public.learning_space_skills", spaces), ("skillrelay.message_parts", "true"),
            ("skillrelay.extraction_queue", "true"), ("skillrelay.outbox", "true"),
        ]
        let texts = (own + others).map { table, condition in
            "(SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM \(table) AS t WHERE \(condition))"
        }
        return try await self.database.value("SELECT concat_ws(E'\\n', \(texts.joined(separator: ", ")))")
    }
}
