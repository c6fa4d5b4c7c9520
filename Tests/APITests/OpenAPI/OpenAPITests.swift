import Foundation
import Hummingbird
import Outbox
import Postgres
import Support
import Tasks
import Testing

@testable import API

@Suite("/openapi.json", .timeLimit(.minutes(2)))
struct OpenAPITests {
    private let document: OpenAPIDocument

    init() throws {
        self.document = try OpenAPIDocument()
    }

    /// Every route that there may be.
    static func routes() throws -> Set<String> {
        let database = try PostgresConfiguration(connectionString: "postgresql://127.0.0.1/none")
        let pool = PostgresPool(configuration: database, size: 1, logger: .silent)
        let router = buildRouter(
            configuration: APIConfiguration(
                host: "127.0.0.1", port: 0, authentication: AuthenticationConfiguration(pepper: "pepper")),
            services: APIServices(
                projects: ProjectStore(pool: pool), sessions: SessionStore(pool: pool),
                messages: MessageStore(pool: pool), geminiCalls: GeminiCallStore(pool: pool),
                tasks: TaskStore(pool: pool, onEvent: {}),
                flushes: SessionFlush(
                    pool: pool, extractor: .builtIn(TaskExtractor(pool: pool) { _, _ in [] })),
                learningSpaces: LearningSpaceStore(pool: pool),
                skills: SkillStore(pool: pool), users: UserStore(pool: pool),
                idempotencyKeys: IdempotencyKeyStore(pool: pool)),
            operations: OperatorServices(
                token: OperatorToken(APIFixture.operatorToken),
                database: OperatorDatabase(configuration: database, logger: .silent), retention: Retention(days: 30))
        )
        return Set(
            router.routes.map { route in
                let path = route.path.description.replacing(#/:(\w+)/#) { "{\($0.output.1)}" }
                return "\(route.method.rawValue) \(path)"
            })
    }

    // The page is for people: what it does is described as what it asks for. A user may be called "ls".
    @Test("it has every route, and no other, but for the operator's page, and one that is another's special case")
    func completeness() throws {
        let page = Set((["/admin"] + OperatorPageController.paths).map { "GET \($0)" })
        let left = page.union(["DELETE /api/v1/user/ls"])
        let routes = try Self.routes()
        #expect(left.isSubset(of: routes))
        #expect(Set(self.document.operations.keys) == routes.subtracting(left))
    }

    @Test("every operation says who may call it, what it takes and what it answers, under a name of its own")
    func operations() throws {
        let operations = self.document.operations
        #expect(Set(operations.values.compactMap { $0["operationId"].text }).count == operations.count)
        for (name, operation) in operations {
            let responses = operation["responses"].members
            let isOpen = !name.contains("/v1/")
            let scheme = name.contains("/admin/") ? "operator" : "project"
            #expect(operation["security"] == .array(isOpen ? [] : [.object([scheme: .array([])])]), "\(name)")
            #expect(isOpen || responses["401"] != nil && responses["503"] != nil, "\(name)")
            #expect(scheme == "project" || responses["422"] != nil, "\(name)")
            #expect(responses.keys.contains { $0.hasPrefix("2") }, "\(name)")
            let takesBody = !["GET", "DELETE"].contains(name.prefix { $0 != " " }) && !name.hasSuffix("/flush")
            #expect(takesBody == (operation["requestBody"] != .null), "\(name)")
            #expect(
                !takesBody || operation["requestBody"]["content"]["application/json"]["example"] != .null, "\(name)")
            #expect(operation["summary"].text != nil)
        }
    }

    @Test("every path's parameters are described, and every reference leads somewhere")
    func references() throws {
        #expect(self.document.references.count > 40)
        for reference in self.document.references {
            #expect(self.document.resolved(.object(["$ref": .string(reference)])) != .null, "\(reference)")
        }
        for (name, operation) in self.document.operations {
            let parameters = operation["parameters"].items.map(self.document.resolved)
            let inPath = parameters.filter { $0["in"] == .string("path") }.compactMap { $0["name"].text }
            #expect(Set(inPath) == Set(name.matches(of: #/\{(\w+)\}/#).map { String($0.1) }), "\(name)")
        }
    }

    @Test("the filter that it describes is the one there is, in the query and in bodies")
    func filter() throws {
        let fields = Set(EventFilter.Field.allCases.map(\.rawValue))
        #expect(Set(self.document[component: "schemas", "Filter"]["properties"].members.keys) == fields)
        let parameters = self.document.components("parameters").filter { $0.key.hasPrefix("Filter") }
        #expect(Set(parameters.values.compactMap { $0["name"].text }) == fields)
    }

    @Test("it is served to anybody, as JSON")
    func served() async throws {
        try await withAPI { api in
            let answer = try await HTTPProbe(port: api.port).send("GET", "/openapi.json")
            #expect(answer.status == 200 && answer.headers["content-type"] == "application/json; charset=utf-8")
            #expect(answer.text.contains(#""openapi": "3.1.0""#))
        }
    }

    @Test("answers are as it says, to the last member: monitors")
    func monitors() async throws {
        try await withAPI { api in
            for path in ["/health", "/ready"] {
                let answer = try await HTTPProbe(port: api.port).send("GET", path)
                #expect(try self.document.faults(of: answer, to: "GET \(path)") == [], "\(answer.text)")
            }
        }
    }

    @Test("answers are as it says, to the last member: operators")
    func operators() async throws {
        try await withAPI(operatorToken: APIFixture.operatorToken) { api in
            try await api.database.script(
                """
                SELECT skillrelay.enqueue('e', 'k', '1', '{"a": 1}', 'T'), skillrelay.enqueue('e', 'k', '\\xff');
                WITH parked AS (DELETE FROM skillrelay.outbox_pending RETURNING id)
                INSERT INTO skillrelay.outbox_dead (id, attempts, last_error) SELECT id, 5, 'poison' FROM parked;
                SELECT skillrelay.enqueue('e', 'k', '3');
                UPDATE skillrelay.outbox_pending SET attempts = 1, next_attempt_at = now() + interval '1 hour';
                INSERT INTO skillrelay.relays (instance, host, pid, version, broker, broker_error, destinations) VALUES (
                    gen_random_uuid(), 'h', 7, '1', 'away', 'refused',
                    '[{"exchange": "e", "routing_key": "k", "since": "2026-11-28T01:02:03Z", "error": "NO_ROUTE"}]')
                """)
            func check(_ operation: String, query: String = "", id: String = "", body: String? = nil) async throws
                -> JSONValue
            {
                let parts = operation.split(separator: " ").map(String.init)
                let path = parts[1].replacing("{id}", with: id)
                if let body {
                    let request = self.document.operations["\(parts[0]) /admin/v1/\(parts[1])"]?["requestBody"] ?? .null
                    let required = request["content"]["application/json"]["schema"]["required"].items.compactMap(\.text)
                    let given = try JSONDecoder().decode(JSONValue.self, from: Data(body.utf8)).members.keys
                    #expect(Set(required).isSubset(of: given), "\(operation)")
                }
                let answer = try await api.operator.send(parts[0], "/admin/v1/\(path)\(query)", body: body)
                #expect(
                    try self.document.faults(of: answer, to: "\(parts[0]) /admin/v1/\(parts[1])") == [],
                    "\(answer.text)")
                return try answer.decode(JSONValue.self)["data"]
            }
            _ = try await check("POST pause", body: #"{"exchange": "e", "routing_key": "k", "reason": "r"}"#)
            _ = try await check("POST pause", body: #"{"reason": "r"}"#)
            _ = try await check("POST pause", body: #"{"reason": "r"}"#)
            _ = try await check("GET stats")
            _ = try await check("GET pauses")
            for event in try await check("GET events", query: "?order=oldest")["items"].items {
                _ = try await check("GET events/{id}", id: event["id"].text ?? "")
            }
            _ = try await check("GET events", query: "?state=none")
            _ = try await check("GET events/{id}", id: UUID().lowercased)
            _ = try await check("POST replay", body: #"{"dry_run": true, "rate": 10, "filter": {"type": "T"}}"#)
            let run = try await check(
                "POST replay", body: #"{"reason": "r", "rate": 10, "filter": {"type": "T", "since": "1h"}}"#)
            let id = try #require(run["id"].text)
            _ = try await check("GET replays/{id}", id: id)
            _ = try await check("POST replays/{id}/cancel", id: id, body: #"{"reason": "r"}"#)
            _ = try await check("POST replays/{id}/cancel", id: id, body: #"{"reason": "r"}"#)
            _ = try await check("GET replays")
            _ = try await check("POST retry", body: #"{"reason": "r"}"#)
            _ = try await check("POST discard", body: #"{"reason": "r", "filter": {"type": "T"}}"#)
            _ = try await check("POST discard", body: #"{"dry_run": true}"#)
            _ = try await check("GET events", query: "?state=discarded")
            _ = try await check("POST resume", body: #"{"reason": "r"}"#)
            _ = try await check("POST purge", body: #"{"reason": "r"}"#)
            _ = try await check("POST purge", body: #"{"dry_run": true}"#)
            _ = try await check("GET actions")
            _ = try await check("GET verify")
        }
    }
}
