import Glibc

// amqp_parse_url reads several spellings in surprising ways (an empty virtual host, a silent `guest` password, a host
// called "h1,h2"), so URLs are read here, and what is ambiguous is refused. No message quotes input that may hold a
// piece of a password.
extension Endpoint {
    /// Reads a comma-separated list of URLs.
    static func parse(list: String) throws(RabbitMQError) -> [Endpoint] {
        let urls = list.split(separator: ",", omittingEmptySubsequences: false)
        var endpoints: [Endpoint] = []
        for (index, url) in urls.enumerated() {
            do {
                endpoints.append(try Endpoint(url: url))
            } catch {
                let place = urls.count == 1 ? "broker URL" : "broker URL \(index + 1) of \(urls.count)"
                throw RabbitMQError(.configuration, "\(place): \(error.reason)")
            }
        }
        return endpoints
    }

    struct Fault: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    private init(url: Substring) throws(Fault) {
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Fault("holds a space, a control character or a non-ASCII character; percent-encode it")
        }
        guard !url.contains("#") else { throw Fault("holds '#'; write %23") }
        guard let schemeEnd = url.firstRange(of: "://") else {
            throw Fault("must begin with amqp:// or amqps:// (a comma inside a URL is written %2C)")
        }
        let secure: Bool
        switch url[..<schemeEnd.lowerBound].lowercased() {
        case "amqp": secure = false
        case "amqps": secure = true
        default: throw Fault("must begin with amqp:// or amqps:// (a comma inside a URL is written %2C)")
        }
        let (beforeQuery, query) = url[schemeEnd.upperBound...].cut(at: "?")
        let (authority, path) = beforeQuery.cut(at: "/")
        let parts = authority.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw Fault("holds more than one '@'; write %40 in user and password") }

        let (host, port) = try Self.hostAndPort(parts[parts.count - 1])
        self.init(host: host, port: port ?? (secure ? 5671 : 5672))
        if parts.count == 2 { try self.readCredentials(parts[0]) }
        if let path { self.virtualHost = try Self.virtualHost(path) }
        if secure { self.tls = TLS() }
        if let query { try self.readOptions(query) }
    }

    private static func hostAndPort(_ text: Substring) throws(Fault) -> (String, UInt16?) {
        let host: Substring
        let portText: Substring?
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw Fault("lacks the ']' of an IPv6 address") }
            host = text[text.index(after: text.startIndex)..<end]
            guard IPAddress.isVersion6(String(host)) else { throw Fault("holds an invalid IPv6 address") }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { throw Fault("holds text after the IPv6 address") }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else {
            (host, portText) = text.cut(at: ":")
            guard !host.isEmpty else { throw Fault("names no host") }
            guard host.allSatisfy({ $0.isLetter || $0.isNumber || "-._".contains($0) }) else {
                throw Fault("holds a host name with characters other than letters, digits, '-', '.' and '_'")
            }
        }
        guard let portText else { return (String(host), nil) }
        guard let port = UInt16(digits: portText), port > 0 else {
            throw Fault("needs a port between 1 and 65535 (a ':' or '/' in a password is written %3A or %2F)")
        }
        return (String(host), port)
    }

    private mutating func readCredentials(_ text: Substring) throws(Fault) {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count <= 2 else { throw Fault("holds more than one ':' in user and password; write %3A") }
        guard !fields[0].isEmpty else { throw Fault("names no user before '@'") }
        guard fields.count == 2, !fields[1].isEmpty else { throw Fault("gives a user but no password") }
        self.username = try Self.decode(fields[0], name: "user")
        self.password = Secret(try Self.decode(fields[1], name: "password"))
    }

    private static func virtualHost(_ path: Substring) throws(Fault) -> String {
        guard !path.isEmpty else {
            throw Fault("ends in '/', an empty virtual host; write %2F for the virtual host '/', or leave the '/' out")
        }
        guard !path.contains("/") else { throw Fault("holds '/' in the virtual host; write %2F") }
        let name = try Self.decode(path, name: "virtual host")
        guard name.utf8.count <= Int(UInt8.max) else { throw Fault("has a virtual host of more than 255 bytes") }
        return name
    }

    private mutating func readOptions(_ query: Substring) throws(Fault) {
        var seen: Set<Substring> = []
        for option in query.split(separator: "&", omittingEmptySubsequences: false) {
            let (name, text) = option.cut(at: "=")
            guard let text, !text.isEmpty else { throw Fault("holds an option without a value after '?'") }
            guard seen.insert(name).inserted else { throw Fault("gives an option twice after '?'") }
            switch name {
            case "heartbeat":
                guard let seconds = UInt16(digits: text) else { throw Fault("needs heartbeat in seconds, 0 to 65535") }
                self.heartbeat = .seconds(Int64(seconds))
            case "connection_timeout":
                guard let milliseconds = UInt32(digits: text), milliseconds > 0 else {
                    throw Fault("needs connection_timeout in milliseconds, at least 1")
                }
                self.connectTimeout = .milliseconds(Int64(milliseconds))
            case "cacertfile": try self.setTLS(\.caCertificateFile, name: "cacertfile", text)
            case "certfile": try self.setTLS(\.certificateFile, name: "certfile", text)
            case "keyfile": try self.setTLS(\.keyFile, name: "keyfile", text)
            default:
                throw Fault(
                    "holds an unknown option after '?'; known are heartbeat, connection_timeout, cacertfile, certfile, keyfile"
                )
            }
        }
        guard (self.tls?.certificateFile == nil) == (self.tls?.keyFile == nil) else {
            throw Fault("needs certfile and keyfile together")
        }
    }

    private mutating func setTLS(
        _ file: WritableKeyPath<TLS, String?>,
        name: String,
        _ text: Substring
    ) throws(Fault) {
        guard self.tls != nil else { throw Fault("gives \(name), which needs amqps://") }
        self.tls?[keyPath: file] = try Self.decode(text, name: name)
    }

    private static func decode(_ text: Substring, name: String) throws(Fault) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ isxdigit(Int32($0)) != 0 }),
                let value = UInt8(Substring(digits), radix: 16)
            else { throw Fault("holds a '%' in the \(name) that two hexadecimal digits do not follow; write %25") }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else {
            throw Fault("has a \(name) that is not UTF-8 text without NUL")
        }
        return decoded
    }
}

/// Tells addresses from names.
enum IPAddress {
    static func isVersion6(_ text: String) -> Bool { Self.parses(text, family: AF_INET6) }
    static func isAddress(_ text: String) -> Bool { Self.parses(text, family: AF_INET) || Self.isVersion6(text) }

    private static func parses(_ text: String, family: Int32) -> Bool {
        var address = in6_addr()  // large enough for both families
        return unsafe inet_pton(family, text, &address) == 1
    }
}

extension Substring {
    /// What stands before and after the first separator; nothing after it if there is none.
    fileprivate func cut(at separator: Character) -> (Substring, Substring?) {
        guard let index = self.firstIndex(of: separator) else { return (self, nil) }
        return (self[..<index], self[self.index(after: index)...])
    }
}

extension FixedWidthInteger {
    /// Decimal digits only: no sign, no spaces.
    fileprivate init?(digits: Substring) {
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        self.init(digits)
    }
}
