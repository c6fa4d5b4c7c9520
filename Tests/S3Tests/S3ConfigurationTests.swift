import Testing

@testable import S3

@Suite("The configuration of the object store")
struct S3ConfigurationTests {
    @Test("keeps its secret to itself when it is printed")
    func secret() throws {
        let configuration = S3Configuration(
            endpoint: try #require(S3Endpoint("http://127.0.0.1:9000")), bucket: "assets", accessKey: "key",
            secretKey: "hush"
        )
        #expect(!"\(configuration)".contains("hush"))
    }

    @Test(
        "an endpoint keeps its port and its path, and is https unless it says otherwise",
        arguments: [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"), ("minio.example:9000/", "https://minio.example:9000"),
            ("https://example.com:443/storage/v1/s3//", "https://example.com/storage/v1/s3"),
            ("http://example.com:80", "http://example.com"), ("HTTP://[::1]:9000", "http://[::1]:9000"),
        ])
    func endpoint(text: String, expected: String) {
        #expect(S3Endpoint(text)?.description == expected)
    }

    @Test(
        "anything else is no endpoint",
        arguments: [
            "", "http://", "ftp://example.com", "http://user:hush@example.com", "http://example.com?a=b",
            "http://example.com:99999", "http://exa mple.com",
        ])
    func badEndpoint(text: String) {
        #expect(S3Endpoint(text) == nil)
    }

    @Test("buckets are below the endpoint's path")
    func path() throws {
        let endpoint = try #require(S3Endpoint("https://example.com/storage/s3"))
        #expect(endpoint.path(bucket: "b", key: "a b/c.json") == "/storage/s3/b/a%20b/c.json")
        #expect(endpoint.path(bucket: "b") == "/storage/s3/b")
    }
}
