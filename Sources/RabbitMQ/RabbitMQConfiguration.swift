/// Where the brokers are, and every bound of the client.
public struct RabbitMQConfiguration: Sendable {
    /// Shown to operators as the connection's name.
    public var applicationName = "skillrelay"
    /// Proposed heartbeat, in whole seconds; the broker may ask for less. Zero switches heartbeats off.
    public var heartbeat: Duration = .seconds(10)
    /// Bound for one host: connect, TLS and login together. A silent name server is not covered by it.
    public var connectTimeout: Duration = .seconds(3)
    /// Bound of each synchronous AMQP method (declare, bind, open…), of sending one burst of messages, and of data
    /// that the peer's kernel does not take (`TCP_USER_TIMEOUT`).
    public var operationTimeout: Duration = .seconds(5)
    /// How long a message may wait for its confirm, from its own sending on, before it is `unknown` and the
    /// connection is given up. While the broker blocks the connection, the connection is kept.
    public var publishTimeout: Duration = .seconds(5)
    /// Messages in flight at most.
    public var windowMessages = 256
    /// Body and header bytes in flight at most; a larger message travels alone.
    public var windowBytes = 256 * 1024
    /// PEM bundle for `amqps`. Unset: `cacertfile` of the URL, then Debian's bundle.
    public var caCertificateFile: String?

    let endpoints: [Endpoint]

    /// Reads broker URLs.
    ///
    /// Parsed strictly: what other clients read in different ways is refused, with a sentence that says what to write.
    /// - Parameter urls: `amqp://user:password@host:port/vhost` or `amqps://…`; several, separated by commas, are tried
    ///   in turn. A missing virtual host means `/`; missing credentials mean `guest`. Options: `heartbeat` (seconds),
    ///   `connection_timeout` (milliseconds), and for `amqps` `cacertfile`, `certfile`, `keyfile`.
    ///   See <https://www.rabbitmq.com/docs/uri-spec>.
    /// - Throws: `.configuration`, naming the fault and never quoting a password.
    public init(urls: String) throws(RabbitMQError) {
        self.endpoints = try Endpoint.parse(list: urls)
    }
}
