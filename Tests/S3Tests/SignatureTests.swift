import Foundation
import Testing

@testable import S3

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, "Examples: Signature Calculations", and
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.
@Suite("Signature version 4, by AWS's own examples")
struct SignatureTests {
    private static let signature = SignatureV4(
        accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region: "us-east-1"
    )
    private static let host = (name: "host", value: "examplebucket.s3.amazonaws.com")
    private static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private static var time: SigningTime {
        get throws { SigningTime(try Date("2013-05-24T00:00:00Z", strategy: .iso8601)) }
    }

    @Test("the time is written as it is signed")
    func time() throws {
        #expect(try Self.time.text == "20130524T000000Z")
        #expect(try Self.time.day == "20130524")
    }

    @Test("GET of a part of an object")
    func getObject() throws {
        let request = SignatureV4.Request(
            method: "GET", path: "/test.txt",
            headers: [
                Self.host, ("range", "bytes=0-9"), ("x-amz-content-sha256", Self.emptyHash),
                ("x-amz-date", "20130524T000000Z"),
            ]
        )
        #expect(
            try Self.signature.authorization(for: request, payloadHash: Self.emptyHash, time: Self.time) == """
                AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
                SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,\
                Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41
                """)
    }

    @Test("PUT of an object, with a key that is encoded")
    func putObject() throws {
        let hash = sha256("Welcome to Amazon S3.".utf8)
        #expect(hash == "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
        let request = SignatureV4.Request(
            method: "PUT", path: "/" + uriEncoded("test$file.text", keepsSlashes: true),
            headers: [
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"), ("date", "Fri, 24 May 2013 00:00:00 GMT"), Self.host,
                ("x-amz-date", "20130524T000000Z"), ("x-amz-content-sha256", hash),
            ]
        )
        let value = try Self.signature.authorization(for: request, payloadHash: hash, time: Self.time)
        #expect(value.hasSuffix("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"))
    }

    @Test(
        "GET of a bucket, with a query",
        arguments: [
            ([("lifecycle", "")], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
            (
                [("prefix", "J"), ("max-keys", "2")],
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
            ),
        ])
    func getBucket(query: [(String, String)], expected: String) throws {
        let request = SignatureV4.Request(
            method: "GET", path: "/", query: query.map { (name: $0.0, value: $0.1) },
            headers: [
                Self.host, ("x-amz-content-sha256", Self.emptyHash), ("x-amz-date", "20130524T000000Z"),
            ]
        )
        let value = try Self.signature.authorization(for: request, payloadHash: Self.emptyHash, time: Self.time)
        #expect(value.hasSuffix("Signature=" + expected))
    }

    @Test("a URL that works by itself")
    func presigned() throws {
        let request = SignatureV4.Request(method: "GET", path: "/test.txt", headers: [Self.host])
        #expect(
            try Self.signature.presignedQuery(for: request, seconds: 86_400, time: Self.time) == """
                X-Amz-Algorithm=AWS4-HMAC-SHA256\
                &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
                &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
                &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404
                """)
    }

    @Test("all but the unreserved characters are encoded")
    func encoding() {
        #expect(uriEncoded("aZ09-._~") == "aZ09-._~")
        #expect(uriEncoded("a b+c/ü\u{1}") == "a%20b%2Bc%2F%C3%BC%01")
        #expect(uriEncoded("a b/c", keepsSlashes: true) == "a%20b/c")
    }
}
