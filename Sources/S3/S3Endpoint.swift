import Foundation

/// Where a server of objects is reached: scheme, host, port, and the path below which its buckets are.
package struct S3Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// `http` or `https`.
    let scheme: String
    /// As the `Host` header has it: without the scheme's own port.
    let authority: String
    /// Percent-encoded, without a slash at its end; mostly empty.
    let path: String

    /// Reads a URL; one without a scheme is taken for `https`, as upstream does.
    ///
    /// - Returns: nil for what is no URL with a host, or has more than host, port and path.
    package init?(_ text: String) {
        let text = text.contains("://") ? text : "https://" + text
        guard let components = URLComponents(string: text), let scheme = components.scheme?.lowercased(),
            let defaultPort = ["http": 80, "https": 443][scheme],
            let host = components.percentEncodedHost, !host.isEmpty,
            components.user == nil, components.password == nil, components.query == nil, components.fragment == nil
        else { return nil }
        var authority = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        if let port = components.port, port != defaultPort {
            guard (1...65_535).contains(port) else { return nil }
            authority += ":\(port)"
        }
        self.scheme = scheme
        self.authority = authority
        self.path = String(components.percentEncodedPath.reversed().drop { $0 == "/" }.reversed())
    }

    package var description: String { "\(self.scheme)://\(self.authority)\(self.path)" }

    /// The path of a bucket, or of an object in it, as it is sent and signed.
    func path(bucket: String, key: String? = nil) -> String {
        self.path + "/" + uriEncoded(bucket) + (key.map { "/" + uriEncoded($0, keepsSlashes: true) } ?? "")
    }
}

/// Percent-encoded as signatures want it: all but the unreserved characters of RFC 3986, in capitals.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
func uriEncoded(_ text: String, keepsSlashes: Bool = false) -> String {
    var encoded = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        case UInt8(ascii: "/") where keepsSlashes:
            encoded += "/"
        default:
            let hex = String(byte, radix: 16, uppercase: true)
            encoded += byte < 16 ? "%0\(hex)" : "%\(hex)"
        }
    }
    return encoded
}
