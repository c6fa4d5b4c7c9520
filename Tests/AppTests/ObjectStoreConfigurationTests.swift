import Configuration
import S3
import Testing

@testable import App

@Suite("Configuration of the object store")
struct ObjectStoreConfigurationTests {
    private static let complete = [
        "S3_BUCKET": "assets", "S3_ENDPOINT": "http://127.0.0.1:9000", "S3_ACCESS_KEY": "hidden-key",
        "S3_SECRET_KEY": "hidden-secret",
    ]

    private func read(_ changes: [String: String]) async throws(ConfigurationError) -> S3Configuration? {
        let config = try await Settings.load(environment: Self.complete.merging(changes) { $1 })
        return try S3Configuration(config: config)
    }

    @Test("without a bucket there is none, whatever else is set")
    func none() async throws {
        #expect(try await self.read(["S3_BUCKET": "", "S3_ENDPOINT": "no url", "S3_SECRET_KEY": ""]) == nil)
    }

    @Test("our own requests go to the internal endpoint, if there is one")
    func endpoints() async throws {
        let same = try #require(try await self.read([:]))
        #expect(same.endpoint == same.publicEndpoint)
        #expect(same.region == "auto")
        let other = try #require(
            try await self.read(["S3_INTERNAL_ENDPOINT": "http://minio:9000/base", "S3_REGION": "eu-west-1"]))
        #expect(other.endpoint == S3Endpoint("http://minio:9000/base"))
        #expect(other.publicEndpoint == S3Endpoint("http://127.0.0.1:9000"))
        #expect(other.region == "eu-west-1" && other.accessKey == "hidden-key" && other.secretKey == "hidden-secret")
    }

    @Test(
        "a bad value stops the start, in one line that names its variable and quotes no secret",
        arguments: [
            ("S3_BUCKET", "Assets", "is not 3 to 63 lowercase letters"), ("S3_BUCKET", "a/b", "is not 3 to 63"),
            ("S3_ENDPOINT", "", "missing, and S3_BUCKET is set"),
            ("S3_ENDPOINT", "http://user:hidden@127.0.0.1", "is not an http or https URL"),
            ("S3_INTERNAL_ENDPOINT", "ftp://hidden", "is not an http or https URL"),
            ("S3_REGION", "a b", "is not letters, digits and dashes"),
            ("S3_ACCESS_KEY", "", "missing, and S3_BUCKET is set"),
            ("S3_SECRET_KEY", "", "missing, and S3_BUCKET is set"),
            ("S3_SECRET_KEY", "hidden with spaces", "has other than visible ASCII characters"),
        ]
    )
    func badValue(variable: String, value: String, problem: String) async throws {
        let error = try await #require(throws: ConfigurationError.self) { try await self.read([variable: value]) }
        let report = try #require(Failure(error))
        #expect(report.status == .configuration)
        #expect(report.message.hasPrefix("\(variable): "))
        #expect(report.message.contains(problem))
        #expect(!report.message.contains("\n") && !report.message.contains("hidden"))
    }
}
