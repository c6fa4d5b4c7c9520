import Crypto
import Foundation

/// Signs requests as AWS's signature version 4 has it, for S3: the path is encoded once, and not normalised.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
struct SignatureV4: Sendable {
    let accessKey: String
    let secretKey: String
    let region: String

    /// What is signed of a request.
    struct Request {
        var method: String
        /// As it is sent, percent-encoded.
        var path: String
        /// Not encoded yet.
        var query: [(name: String, value: String)] = []
        /// Lowercase names; `host` among them.
        var headers: [(name: String, value: String)]
    }

    private static let algorithm = "AWS4-HMAC-SHA256"
    /// In place of a hash: the body is not signed.
    private static let unsignedPayload = "UNSIGNED-PAYLOAD"

    /// The value of the `Authorization` header. All of the request's headers are signed.
    func authorization(for request: Request, payloadHash: String, time: SigningTime) -> String {
        let signature = self.signature(for: request, payloadHash: payloadHash, time: time)
        return """
            \(Self.algorithm) Credential=\(self.accessKey)/\(self.scope(time)),\
            SignedHeaders=\(Self.signedHeaders(request)),Signature=\(signature)
            """
    }

    /// The query, encoded, of a URL that works by itself for `seconds`.
    func presignedQuery(for request: Request, seconds: Int, time: SigningTime) -> String {
        var request = request
        request.query += [
            ("X-Amz-Algorithm", Self.algorithm), ("X-Amz-Credential", "\(self.accessKey)/\(self.scope(time))"),
            ("X-Amz-Date", time.text), ("X-Amz-Expires", String(seconds)),
            ("X-Amz-SignedHeaders", Self.signedHeaders(request)),
        ]
        let signature = self.signature(for: request, payloadHash: Self.unsignedPayload, time: time)
        return Self.canonicalQuery(request.query) + "&X-Amz-Signature=" + signature
    }

    private func signature(for request: Request, payloadHash: String, time: SigningTime) -> String {
        let headers = Self.sorted(request.headers).map { "\($0.name):\($0.value)\n" }.joined()
        let canonical = [
            request.method, request.path, Self.canonicalQuery(request.query), headers, Self.signedHeaders(request),
            payloadHash,
        ].joined(separator: "\n")
        let toSign = [Self.algorithm, time.text, self.scope(time), sha256(canonical.utf8)].joined(separator: "\n")
        var key = Array("AWS4\(self.secretKey)".utf8)
        for part in [time.day, self.region, "s3", "aws4_request", toSign] {
            key = Array(HMAC<SHA256>.authenticationCode(for: Data(part.utf8), using: SymmetricKey(data: key)))
        }
        return hexadecimal(key)
    }

    private func scope(_ time: SigningTime) -> String { "\(time.day)/\(self.region)/s3/aws4_request" }

    /// Encoded, and in order of the encoded names.
    static func canonicalQuery(_ query: [(name: String, value: String)]) -> String {
        query.map { (uriEncoded($0.name), uriEncoded($0.value)) }
            .sorted { $0 < $1 }
            .map { "\($0)=\($1)" }
            .joined(separator: "&")
    }

    private static func signedHeaders(_ request: Request) -> String {
        Self.sorted(request.headers).map(\.name).joined(separator: ";")
    }

    private static func sorted(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)] {
        headers.sorted { $0.name < $1.name }
    }
}

/// A second in UTC, as signatures write it.
struct SigningTime: Sendable {
    /// `20130524T000000Z`
    let text: String
    /// `20130524`
    var day: String { String(self.text.prefix(8)) }

    init(_ date: Date) {
        self.text = date.formatted(
            Date.ISO8601FormatStyle(
                dateSeparator: .omitted, dateTimeSeparator: .standard, timeSeparator: .omitted,
                timeZoneSeparator: .omitted, includingFractionalSeconds: false, timeZone: .gmt
            )
        )
    }
}

/// Lowercase hexadecimal digits.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for byte in bytes {
        if byte < 16 { text += "0" }
        text += String(byte, radix: 16)
    }
    return text
}

/// The SHA-256 of bytes in lowercase hexadecimal: what S3 signs, and what upstream names objects by.
package func sha256(_ bytes: some Sequence<UInt8>) -> String {
    var hash = SHA256()
    if bytes.withContiguousStorageIfAvailable({ hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }) == nil {
        hash.update(data: Array(bytes))
    }
    return hexadecimal(hash.finalize())
}
