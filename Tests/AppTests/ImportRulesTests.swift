import Foundation
import Testing

/// Data goes one way, down: a target never imports one that stands above it, and C stays behind the clients.
struct ImportRulesTests {
    /// What each target may import of ours.
    private static let allowed: [String: Set<String>] = [
        "Postgres": ["CLibPQ"],
        "RabbitMQ": ["CRabbitMQ"],
        "Outbox": ["Postgres", "RabbitMQ"],
        "JSON": [],
        "S3": [],
        "Tasks": ["JSON", "Outbox", "Postgres", "S3"],
        "Telemetry": [],
        "Assets": [],
        "API": ["Assets", "CArgon2", "JSON", "Tasks", "Outbox", "Postgres"],
        "App": ["API", "Tasks", "S3", "Outbox", "Postgres", "RabbitMQ", "Telemetry"],
        "skillrelay": ["App"],
        "Bench": ["Postgres", "RabbitMQ"],
    ]

    private static let sources = Repository.file("Sources")

    @Test("each target imports only what stands below it", arguments: Self.allowed.keys.sorted())
    func direction(target: String) throws {
        let ours = Set(Self.allowed.keys).union(["CLibPQ", "CRabbitMQ", "CArgon2"])
        let allowed = try #require(Self.allowed[target])
        for file in try Self.swiftFiles(in: Self.sources.appending(path: target)) {
            let forbidden = try Self.imports(of: file).intersection(ours).subtracting(allowed)
            #expect(forbidden.isEmpty, "\(file.path()) imports \(forbidden.sorted().joined(separator: ", "))")
        }
    }

    @Test("in the two clients, one folder touches C", arguments: [("Postgres", "CLibPQ"), ("RabbitMQ", "CRabbitMQ")])
    func pointers(target: String, library: String) throws {
        for file in try Self.swiftFiles(in: Self.sources.appending(path: target))
        where try Self.imports(of: file).contains(library) {
            #expect(file.deletingLastPathComponent().lastPathComponent == "CInterop", "\(file.path())")
        }
    }

    @Test("the failure tests know the service from outside only")
    func failureTests() throws {
        let inside = Set(Self.allowed.keys).subtracting(["Postgres", "RabbitMQ"])
        for file in try Self.swiftFiles(in: Repository.file("Tests/Failure")) {
            #expect(try Self.imports(of: file).isDisjoint(with: inside), "\(file.path())")
        }
    }

    @Test("every folder of Sources is a target with a rule here")
    func completeness() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path())
            .filter { !["CLibPQ", "CRabbitMQ", "CArgon2"].contains($0) }
        #expect(folders.sorted() == Self.allowed.keys.sorted())
    }

    private static func swiftFiles(in folder: URL) throws -> [URL] {
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path())
            .filter { $0.hasSuffix(".swift") }
            .map { folder.appending(path: $0) }
        try #require(!files.isEmpty)
        return files
    }

    /// The modules that a file imports: `public import struct Foundation.URL` is Foundation.
    private static func imports(of file: URL) throws -> Set<String> {
        let line = /^(?:@\w+ |public |package |internal )*import (?:struct |class |enum |protocol |func )?(\w+)/
        let text = try String(contentsOf: file, encoding: .utf8)
        return Set(text.matches(of: line.anchorsMatchLineEndings()).map { String($0.1) })
    }
}
