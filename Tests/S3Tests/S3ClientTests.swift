import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Support
import Testing

@testable import S3

@Suite("Objects, on a real server that verifies signatures", .timeLimit(.minutes(1)))
struct S3ClientTests {
    @Test("an object comes back as it was kept, whatever its key and bytes", arguments: ["a.json", "ü b/+=&?#%~$'.x"])
    func putGet(key: String) async throws {
        try await withClient { client, store in
            let bytes = [UInt8](0...255)
            let etag = try await client.putObject(
                bytes, at: key, contentType: "text/x-odd; charset=utf-8", metadata: ["sha256": sha256(bytes)])
            #expect(etag == "e2c865db4162bed963bfaa9ef6ac18f0")
            #expect(try store.bytes(key) == bytes)
            let details = try store.details(key)
            #expect(details.contentType == "text/x-odd; charset=utf-8")
            #expect(details.metadata == ["x-amz-meta-sha256": sha256(bytes)])
            #expect(try await client.getObject(key, limit: 256) == bytes)
        }
    }

    @Test("an object that is larger than the caller can take is not read")
    func tooLarge() async throws {
        try await withClient { client, _ in
            _ = try await client.putObject([UInt8](repeating: 1, count: 100_000), at: "k", contentType: "x/y")
            let error = await #expect(throws: S3Error.self) { try await client.getObject("k", limit: 99_999) }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test("what is not there cannot be read, and is removed all the same")
    func missing() async throws {
        try await withClient { client, store in
            let error = await #expect(throws: S3Error.self) { try await client.getObject("k", limit: 1) }
            #expect(error?.code == .objectMissing)
            _ = try await client.putObject([], at: "k", contentType: "x/y")
            #expect(try store.keys == ["k"])
            for _ in 1...2 { try await client.deleteObject("k") }
            #expect(try store.keys.isEmpty)
        }
    }

    @Test("a listing has all keys of a prefix, page by page")
    func list() async throws {
        try await withClient { client, _ in
            let keys = (1...7).map { "parts/<\($0) & ü>.json" }
            for key in keys + ["other"] { _ = try await client.putObject([1, 2], at: key, contentType: "x/y") }
            var (pages, continuation): ([[String]], String?) = ([], nil)
            repeat {
                let page = try await client.listObjects(prefix: "parts/", after: continuation, limit: 3)
                pages.append(page.objects.map(\.key))
                #expect(page.objects.allSatisfy { $0.size == 2 })
                continuation = page.continuation
            } while continuation != nil
            #expect(pages.map(\.count) == [3, 3, 1])
            #expect(pages.flatMap { $0 } == keys)
        }
    }

    @Test("a presigned URL fetches its object with nothing else, until it is too late or was changed")
    func presigned() async throws {
        try await withClient { client, _ in
            _ = try await client.putObject([7], at: "a b/ü.txt", contentType: "text/plain")
            let url = client.presignedURL("a b/ü.txt", seconds: 60)
            #expect(try await fetch(url) == (200, [7]))
            #expect(try await fetch(url.replacing("X-Amz-Expires=60", with: "X-Amz-Expires=61")).status == 403)
            let late = client.presignedURL("a b/ü.txt", seconds: 60, time: .now.addingTimeInterval(-120))
            #expect(try await fetch(late).status == 403)
        }
    }

    @Test("presigned URLs are the public endpoint's")
    func publicEndpoint() async throws {
        try await withObjectStore { store in
            var configuration = try configuration(of: store)
            configuration.publicEndpoint = try #require(S3Endpoint("https://files.example:8443/s3"))
            try await withClient(configuration) { client in
                _ = try await client.putObject([7], at: "k", contentType: "x/y")
                #expect(
                    client.presignedURL("k", seconds: 1).hasPrefix("https://files.example:8443/s3/acontext-assets/k?"))
            }
        }
    }

    @Test("a wrong secret, and a wrong key, are refused")
    func credentials() async throws {
        try await withObjectStore { store in
            for (key, secret, reason) in [
                (store.accessKey, "wrong", "SignatureDoesNotMatch"), ("wrong", store.secretKey, "InvalidAccessKeyId"),
            ] {
                var configuration = try configuration(of: store)
                (configuration.accessKey, configuration.secretKey) = (key, secret)
                try await withClient(configuration) { client in
                    let put = await #expect(throws: S3Error.self) {
                        try await client.putObject([1], at: "k", contentType: "x/y")
                    }
                    #expect(put == S3Error(.accessDenied, operation: "PUT", reason: reason))
                    let get = await #expect(throws: S3Error.self) { try await client.getObject("k", limit: 1) }
                    #expect(get == S3Error(.accessDenied, operation: "GET", reason: reason))
                    let fetched = try await fetch(client.presignedURL("k", seconds: 60))
                    #expect(fetched.status == 403)
                }
            }
            #expect(try store.keys.isEmpty)
        }
    }

    @Test("a bucket that is not there is said to be missing, not its objects")
    func noBucket() async throws {
        try await withObjectStore { store in
            var configuration = try configuration(of: store)
            configuration.bucket = "nowhere"
            try await withClient(configuration) { client in
                let error = await #expect(throws: S3Error.self) { try await client.getObject("k", limit: 1) }
                #expect(error == S3Error(.refused, operation: "GET", reason: "NoSuchBucket"))
            }
        }
    }

    @Test("a server that is away is tried again, and found when it comes back")
    func comesBack() async throws {
        try await withProxiedClient { client, proxy in
            async let etag = client.putObject([1], at: "k", contentType: "x/y")
            try await Task.sleep(for: .milliseconds(20))
            proxy.open()
            #expect(try await etag == "55a54008ad1ba589aa210d2629c1df41")
        }
    }

    @Test("a connection that breaks before the answer is no matter")
    func breaks() async throws {
        try await withProxiedClient { client, proxy in
            proxy.open()
            proxy.arm(.toServer, on: "PUT", .loseReply)
            _ = try await client.putObject([1], at: "k", contentType: "x/y")
            #expect(proxy.hasFired)
        }
    }

    @Test("a server that stays away is given up, in time, and so is one that does not answer")
    func away() async throws {
        for isSilent in [false, true] {
            try await withProxiedClient(patience: .seconds(1)) { client, proxy in
                if isSilent {
                    proxy.open()
                    proxy.hold()
                }
                let begin = ContinuousClock.now
                let error = await #expect(throws: S3Error.self) { try await client.getObject("k", limit: 1) }
                #expect(error?.code == .unavailable)
                #expect(ContinuousClock.now - begin < .seconds(5))
            }
        }
    }

    @Test("a cancelled caller is let go at once")
    func cancelled() async throws {
        try await withProxiedClient { client, proxy in
            proxy.open()
            proxy.hold()
            let call = Task { try await client.getObject("k", limit: 1) }
            try await eventually("it is connected") { proxy.connectionCount > 0 }
            let begin = ContinuousClock.now
            call.cancel()
            let error = await #expect(throws: S3Error.self) { try await call.value }
            #expect(error?.code == .cancelled)
            #expect(ContinuousClock.now - begin < .seconds(2))
        }
    }

    @Test("a server's own failure is its own, and repeated; a refusal is not repeated", arguments: [500, 503, 400])
    func failures(status: Int) async throws {
        try await withCannedServer("HTTP/1.1 \(status) No\r\nContent-Length: 2\r\nConnection: close\r\n\r\n<a") {
            port, requests in
            var configuration = S3Configuration(
                endpoint: try #require(S3Endpoint("http://127.0.0.1:\(port)")), bucket: "b", accessKey: "k",
                secretKey: "hush"
            )
            configuration.patience = .seconds(3)
            try await withClient(configuration) { client in
                let error = await #expect(throws: S3Error.self) { try await client.getObject("k", limit: 1) }
                #expect(error?.code == (status == 400 ? .refused : .unavailable))
                #expect(error?.reason == "HTTP status \(status)")
                #expect(!"\(String(describing: error))".contains("hush"))
                #expect(requests() == (status == 400 ? 1 : 4))
            }
        }
    }

    @Test("an answer that is no listing is not taken for an empty one")
    func malformed() async throws {
        try await withCannedServer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<a/>") { port, _ in
            let configuration = S3Configuration(
                endpoint: try #require(S3Endpoint("http://127.0.0.1:\(port)")), bucket: "b", accessKey: "k",
                secretKey: "s"
            )
            try await withClient(configuration) { client in
                let error = await #expect(throws: S3Error.self) { try await client.listObjects(prefix: "") }
                #expect(error?.code == .malformedAnswer)
            }
        }
    }
}

private func configuration(of store: TestObjectStore, port: Int? = nil) throws -> S3Configuration {
    S3Configuration(
        endpoint: try #require(S3Endpoint("http://127.0.0.1:\(port ?? store.port)")), bucket: store.bucket,
        accessKey: store.accessKey, secretKey: store.secretKey
    )
}

private func withClient(
    _ configuration: S3Configuration,
    _ body: @Sendable (S3Client) async throws -> Void
) async throws {
    let client = S3Client(configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let group = ServiceGroup(services: [client], logger: Logger(label: "test"))
    async let end: Void = group.run()
    do {
        try await body(client)
    } catch {
        await group.triggerGracefulShutdown()
        try? await end  // the body's error says more
        throw error
    }
    await group.triggerGracefulShutdown()
    try await end
}

private func withClient(_ body: @Sendable (S3Client, TestObjectStore) async throws -> Void) async throws {
    try await withObjectStore { store in
        try await withClient(configuration(of: store)) { client in try await body(client, store) }
    }
}

/// Lends a client whose way to the server is closed at first.
private func withProxiedClient(
    patience: Duration = .seconds(8),
    _ body: @Sendable (S3Client, FaultProxy) async throws -> Void
) async throws {
    try await withObjectStore { store in
        try await withFaultProxy(to: store.port) { proxy in
            var configuration = try configuration(of: store, port: proxy.port)
            configuration.patience = patience
            try await withClient(configuration) { client in try await body(client, proxy) }
        }
    }
}

/// What anybody gets at a URL.
private func fetch(_ url: String) async throws -> (status: UInt, body: [UInt8]) {
    let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(10))
    return (response.status.code, Array(buffer: try await response.body.collect(upTo: 1 << 20)))
}
