import Foundation
import Glibc

/// A server of S3's protocol that one test has for itself, with one empty bucket. It verifies every signature.
///
/// nanio (<https://pypi.org/project/nanio/>), as `scripts/test` installs it: buckets are folders, objects are files.
package final class TestObjectStore: Sendable {
    package let port: Int
    package let bucket = "acontext-assets"
    package let accessKey = "test-access-key"
    package let secretKey = "test-secret-key"
    private let process: pid_t
    private let folder: URL
    private let log: URL

    package var url: String { "http://127.0.0.1:\(self.port)" }

    fileprivate init() throws {
        let server = URL(filePath: #filePath).appending(path: "../../../../.build/venv/tests/bin/nanio").standardized
        guard FileManager.default.isExecutableFile(atPath: server.path()) else {
            throw TestError("no \(server.path()): scripts/test installs it")
        }
        self.port = try LoopbackSocket.freePort()
        self.folder = FileManager.default.temporaryDirectory.appending(path: "objects-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: self.folder.appending(path: self.bucket), withIntermediateDirectories: true)
        self.log = self.folder.appending(path: "log")
        let keys = ["NANIO_ACCESS_KEY=\(self.accessKey)", "NANIO_SECRET_KEY=\(self.secretKey)"]
        let options = [
            "--host", "127.0.0.1", "--port", "\(self.port)", "--data-dir", self.folder.path(), "--log-level", "error",
            "--no-access-log",
        ]
        self.process = try Command.spawn(
            ["/usr/bin/env"] + keys + [server.path(), "serve"] + options, output: self.log.path(), leadsGroup: true)
    }

    /// The settings of a service that keeps its objects there.
    package var environment: [String: String] {
        [
            "S3_BUCKET": self.bucket, "S3_ENDPOINT": self.url, "S3_ACCESS_KEY": self.accessKey,
            "S3_SECRET_KEY": self.secretKey,
        ]
    }

    /// The keys of all objects, in order.
    package var keys: [String] {
        get throws {
            let bucket = self.folder.appending(path: self.bucket)
            return try FileManager.default.subpathsOfDirectory(atPath: bucket.path())
                .filter { path in
                    var isFolder: ObjCBool = false
                    let file = bucket.appending(path: path).path(percentEncoded: false)
                    return !path.hasPrefix(Self.metadata)
                        && FileManager.default.fileExists(
                            atPath: file, isDirectory: &isFolder)
                        && !isFolder.boolValue
                }
                .sorted()
        }
    }

    /// What is stored under a key, past all protocols.
    package func bytes(_ key: String) throws -> [UInt8] {
        Array(try Data(contentsOf: self.folder.appending(path: self.bucket).appending(path: key)))
    }

    /// What was sent with an object.
    package func details(_ key: String) throws -> (contentType: String, metadata: [String: String]) {
        struct Details: Decodable {
            let content_type: String
            let user_metadata: [String: String]
        }
        let file = self.folder.appending(path: "\(self.bucket)/\(Self.metadata)/\(key).json")
        let details = try JSONDecoder().decode(Details.self, from: Data(contentsOf: file))
        return (details.content_type, details.user_metadata)
    }

    /// Puts an object there without asking anybody: Acontext's, say.
    package func place(_ text: String, at key: String) throws {
        let file = self.folder.appending(path: self.bucket).appending(path: key)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    private static let metadata = ".nanio-meta"

    fileprivate func awaitStart() async throws {
        do {
            try await eventually("the object store listens") {
                guard !Command.hasEnded(self.process) else { throw TestError("the object store has ended") }
                guard let socket = LoopbackSocket.connected(to: self.port) else { return false }
                Glibc.close(socket)
                return true
            }
        } catch {
            throw TestError("\(error); its log: \(try String(contentsOf: self.log, encoding: .utf8))")
        }
    }

    fileprivate func stop() async throws {
        kill(-self.process, SIGKILL)
        _ = await Command.end(of: self.process)
        try FileManager.default.removeItem(at: self.folder)
    }
}

/// Lends a server; it never outlives the test.
package func withObjectStore<Result>(_ body: (TestObjectStore) async throws -> Result) async throws -> Result {
    let store = try TestObjectStore()
    return try await cleaningUp {
        try await store.awaitStart()
        return try await body(store)
    } afterwards: {
        try await store.stop()
    }
}
