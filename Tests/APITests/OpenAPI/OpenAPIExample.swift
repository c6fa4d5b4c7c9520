import Foundation
import Outbox
import Support

/// The request that the description of an operation gives as its example.
struct OpenAPIExample {
    /// As `PATCH /api/v1/…/{id}`.
    let operation: String
    let method: String
    /// With the examples of its parameters.
    let path: String
    let body: String?
    private let parameters: [JSONValue]

    /// The operations that a project's token opens, in an order in which each finds what it is about: what is there is changed, then
    /// looked at, and at last deleted, the innermost first.
    static func ofProjects(in document: OpenAPIDocument) throws -> [OpenAPIExample] {
        let examples = try document.operations
            .filter { $0.value["security"] == .array([.object(["project": .array([])])]) }
            .map { try OpenAPIExample($0.key, $0.value, in: document) }
        let phases = examples.map { (phase: $0.method == "DELETE" ? 2 : $0.method == "GET" ? 1 : 0, example: $0) }
        return phases.sorted { one, other in
            guard one.phase == other.phase else { return one.phase < other.phase }
            let isFirst = one.example.operation < other.example.operation
            return one.phase == 2 ? !isFirst : isFirst
        }.map(\.example)
    }

    private init(_ operation: String, _ description: JSONValue, in document: OpenAPIDocument) throws {
        let parts = operation.split(separator: " ")
        self.operation = operation
        self.method = String(parts[0])
        self.parameters = description["parameters"].items.map(document.resolved)
        var path = String(parts[1])
        for parameter in self.parameters where parameter["in"] == .string("path") {
            guard let name = parameter["name"].text, let example = parameter["example"].text else {
                throw TestError("\(operation): a path parameter has no example")
            }
            path = path.replacing("{\(name)}", with: example)
        }
        self.path = path
        let example = description["requestBody"]["content"]["application/json"]["example"]
        self.body = example == .null ? nil : String(decoding: try JSONEncoder().encode(example), as: UTF8.self)
    }

    /// Whether the request may be made under a key.
    var takesKey: Bool { self.parameters.contains { $0["name"] == .string("Idempotency-Key") } }

    /// With `id` for each id in the path; nil when it has none.
    func path(id: String) -> String? {
        let ids = self.parameters.filter { $0["in"] == .string("path") && $0["schema"]["format"] == .string("uuid") }
        guard !ids.isEmpty else { return nil }
        return ids.compactMap { $0["example"].text }.reduce(self.path) { $0.replacing($1, with: id) }
    }

    func send(to client: HTTPProbe, path: String? = nil, headers: [String: String] = [:]) async throws -> HTTPAnswer {
        try await client.send(self.method, path ?? self.path, headers: headers, body: self.body)
    }
}

extension APIFixture {
    /// Makes the rows that the examples are about.
    func makeExampleRows() async throws {
        let file = URL(filePath: #filePath).appending(path: "../../../Conformance/rows.sql").standardized
        try await self.database.script(try String(contentsOf: file, encoding: .utf8))
    }
}
