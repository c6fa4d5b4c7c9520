import CRabbitMQ
import Glibc

extension AMQPTransport {
    /// Debian's and Ubuntu's bundle; rabbitmq-c 0.11 has no default of its own.
    private static let systemCertificates = "/etc/ssl/certs/ca-certificates.crt"

    /// Opened once for the process, before any thread can race for it.
    private static let sslStatus: Int32 = amqp_initialize_ssl_library()

    /// Connects and logs in, within the endpoint's connect timeout (a silent name server excepted: the resolver has
    /// its own bound).
    ///
    /// - Throws: `.refused` when the broker refuses user or virtual host, else `.unreachable`.
    convenience init(_ endpoint: Endpoint, _ configuration: RabbitMQConfiguration) throws(RabbitMQError) {
        try self.init()
        let limit = endpoint.connectTimeout ?? configuration.connectTimeout
        let deadline = ContinuousClock.now + limit
        do {
            let socket = unsafe try self.makeSocket(endpoint, configuration)
            var timeout = timeval(limit)
            let status = unsafe amqp_socket_open_noblock(socket, endpoint.host, Int32(endpoint.port), &timeout)
            try self.check(status, "cannot connect")
            self.boundSends(configuration.operationTimeout)
            try self.login(
                endpoint,
                configuration,
                within: max(ContinuousClock.now.duration(to: deadline), .milliseconds(1))
            )
        } catch {
            let code: RabbitMQError.Code =
                error.replyCode.map(Self.refusals.contains) ?? false ? .refused : .unreachable
            throw RabbitMQError(code, error.message, replyCode: error.replyCode, brokerText: error.brokerText)
        }
    }

    private static let refusals: Set<ReplyCode> = [.accessRefused, .notAllowed, .invalidPath]

    /// The socket belongs to the connection and is freed with it.
    private func makeSocket(
        _ endpoint: Endpoint,
        _ configuration: RabbitMQConfiguration
    ) throws(RabbitMQError) -> OpaquePointer {
        guard let tls = endpoint.tls else {
            guard let socket = unsafe amqp_tcp_socket_new(self.connection) else {
                throw RabbitMQError(.unreachable, "rabbitmq-c could not make a socket")
            }
            return unsafe socket
        }
        guard Self.sslStatus == AMQP_STATUS_OK.rawValue, let socket = unsafe amqp_ssl_socket_new(self.connection) else {
            throw RabbitMQError(.unreachable, "rabbitmq-c could not make a TLS socket")
        }
        let authorities = configuration.caCertificateFile ?? tls.caCertificateFile ?? Self.systemCertificates
        self.isEncrypted = true
        try self.check(
            unsafe amqp_ssl_socket_set_cacert(socket, authorities),
            "cannot use the CA certificates in \(authorities)"
        )
        if let certificate = tls.certificateFile, let key = tls.keyFile {
            try self.check(
                unsafe amqp_ssl_socket_set_key(socket, certificate, key),
                "cannot use the client certificate in \(certificate) with its key"
            )
        }
        try self.check(
            unsafe amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST),
            "cannot require TLS 1.2"
        )
        unsafe amqp_ssl_socket_set_verify_peer(socket, 1)
        let isAddress = IPAddress.isAddress(endpoint.host)
        unsafe amqp_ssl_socket_set_verify_hostname(socket, isAddress ? 0 : 1)
        if isAddress, unsafe crabbitmq_expect_ip_address(socket, endpoint.host) != 1 {
            throw RabbitMQError(.unreachable, "OpenSSL does not take the address for its check")
        }
        return unsafe socket
    }

    /// The kernel gives up on a peer that takes nothing for this long, a peer that does not read included.
    /// Manual: tcp(7), TCP_USER_TIMEOUT. rabbitmq-c itself sets SO_KEEPALIVE and TCP_NODELAY.
    private func boundSends(_ limit: Duration) {
        var milliseconds = Int32(clamping: limit.milliseconds)
        // The watchdog bounds sends too, so a kernel without the option is not refused.
        _ = unsafe setsockopt(
            self.fileDescriptor,
            Int32(IPPROTO_TCP),
            TCP_USER_TIMEOUT,
            &milliseconds,
            socklen_t(MemoryLayout<Int32>.size)
        )
    }

    private func login(
        _ endpoint: Endpoint,
        _ configuration: RabbitMQConfiguration,
        within limit: Duration
    ) throws(RabbitMQError) {
        defer { self.arguments.recycle() }
        var handshakeTimeout = timeval(limit)
        try self.check(
            unsafe amqp_set_handshake_timeout(self.connection, &handshakeTimeout),
            "cannot set the handshake timeout"
        )
        var operationTimeout = timeval(configuration.operationTimeout)
        try self.check(
            unsafe amqp_set_rpc_timeout(self.connection, &operationTimeout),
            "cannot set the operation timeout"
        )
        var properties = unsafe self.arguments.clientProperties(name: configuration.applicationName)
        let reply = unsafe crabbitmq_login_plain(
            self.connection,
            endpoint.virtualHost,
            AMQP_DEFAULT_MAX_CHANNELS,
            AMQP_DEFAULT_FRAME_SIZE,
            Int32(clamping: (endpoint.heartbeat ?? configuration.heartbeat).seconds),
            &properties,
            endpoint.username,
            endpoint.password.value
        )
        try unsafe self.check(reply, errno: errno, "login failed")
    }
}

extension timeval {
    init(_ duration: Duration) {
        let microseconds = duration.nanoseconds / 1000
        self.init(tv_sec: microseconds / 1_000_000, tv_usec: microseconds % 1_000_000)
    }
}
