import Testing

@testable import RabbitMQ

@Suite("Broker URLs")
struct EndpointTests {
    @Test(
        "are read",
        arguments: [
            ("amqp://h", Endpoint(host: "h", port: 5672)),
            ("AMQP://h:5673/%2F", Endpoint(host: "h", port: 5673)),
            ("amqp://h/acontext", Endpoint(host: "h", port: 5672, virtualHost: "acontext")),
            ("amqp://h/%2Fa%2Fb", Endpoint(host: "h", port: 5672, virtualHost: "/a/b")),
            (
                "amqp://us%40er:p%3A%2F%2C%40%C3%BC@h",
                Endpoint(host: "h", port: 5672, username: "us@er", password: Secret("p:/,@ü"))
            ),
            ("amqp://[::1]:5673/v", Endpoint(host: "::1", port: 5673, virtualHost: "v")),
            ("amqp://[fe80::1]", Endpoint(host: "fe80::1", port: 5672)),
            ("amqps://my_broker.example-1.org", Endpoint(host: "my_broker.example-1.org", port: 5671, tls: .init())),
            (
                "amqp://h?heartbeat=0&connection_timeout=1500",
                Endpoint(host: "h", port: 5672, heartbeat: .zero, connectTimeout: .milliseconds(1500))
            ),
            (
                "amqps://h/v?cacertfile=/ca.pem&certfile=/c%20d.pem&keyfile=k.pem",
                Endpoint(
                    host: "h",
                    port: 5671,
                    virtualHost: "v",
                    tls: .init(caCertificateFile: "/ca.pem", certificateFile: "/c d.pem", keyFile: "k.pem")
                )
            ),
        ]
    )
    func valid(url: String, endpoint: Endpoint) throws {
        #expect(try Endpoint.parse(list: url) == [endpoint])
    }

    @Test("may be several, separated by commas")
    func list() throws {
        #expect(try Endpoint.parse(list: "amqp://a,amqps://b:1/v").map(\.description) == ["a:5672", "b:1"])
        #expect(try Endpoint.parse(list: "amqp://[::1]").map(\.description) == ["[::1]:5672"])
    }

    @Test(
        "that are malformed or ambiguous are refused, with what is wrong and without the password",
        arguments: [
            ("", "must begin with amqp:// or amqps://"),
            ("h:5672", "must begin with"),
            ("http://h", "must begin with"),
            ("amqp://", "names no host"),
            ("amqp://:5672", "names no host"),
            ("amqp://h/", "write %2F for the virtual host '/'"),
            ("amqp://u:s3cret@h/a/b", "holds '/' in the virtual host; write %2F"),
            ("amqp://u@h", "gives a user but no password"),
            ("amqp://u:@h", "gives a user but no password"),
            ("amqp://:s3cret@h", "names no user"),
            ("amqp://u:s3cr@et@h", "more than one '@'"),
            ("amqp://u:s3:cret@h", "more than one ':'"),
            ("amqp://u:s3/cret@h", "needs a port between 1 and 65535"),
            ("amqp://u:s3,cret@h", "URL 1 of 2: needs a port"),
            ("amqp://u:s3%zzcret@h", "holds a '%' in the password"),
            ("amqp://u:s3%4", "needs a port"),
            ("amqp://u:s3cret%4@h", "holds a '%' in the password"),
            ("amqp://u:s3cret%00@h", "has a password that is not UTF-8 text without NUL"),
            ("amqp://u:s3cret%FF@h", "has a password that is not UTF-8 text without NUL"),
            ("amqp://u:s3 cret@h", "holds a space"),
            ("amqp://u:s3crét@h", "non-ASCII"),
            ("amqp://u:s3#cret@h", "holds '#'"),
            ("amqp://h:0", "needs a port between 1 and 65535"),
            ("amqp://h:65536", "needs a port between 1 and 65535"),
            ("amqp://h:+1", "needs a port between 1 and 65535"),
            ("amqp://h:", "needs a port between 1 and 65535"),
            ("amqp://h1,h2/v", "URL 2 of 2: must begin with"),
            ("amqp://h,", "URL 2 of 2: must begin with"),
            ("amqp://h%41", "a host name with characters other than"),
            ("amqp://[::1", "lacks the ']'"),
            ("amqp://[host]", "invalid IPv6 address"),
            ("amqp://[::1]x", "text after the IPv6 address"),
            ("amqp://h?", "option without a value"),
            ("amqp://h?heartbeat", "option without a value"),
            ("amqp://h?heartbeat=1s", "needs heartbeat in seconds"),
            ("amqp://h?heartbeat=1&heartbeat=2", "gives an option twice"),
            ("amqp://h?connection_timeout=0", "needs connection_timeout in milliseconds"),
            ("amqp://h?verify=verify_none", "unknown option"),
            ("amqp://h?cacertfile=/ca.pem", "gives cacertfile, which needs amqps://"),
            ("amqps://h?certfile=/c.pem", "needs certfile and keyfile together"),
        ]
    )
    func invalid(url: String, reason: String) {
        let error = #expect(throws: RabbitMQError.self) { try RabbitMQConfiguration(urls: url) }
        #expect(error?.code == .configuration)
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
        #expect(error.map { String(reflecting: $0) }?.contains("s3") == false)
    }
}
