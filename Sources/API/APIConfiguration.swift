import Tasks

/// Where and how the API serves.
package struct APIConfiguration: Sendable {
    package var host: String
    /// 0 picks a free port.
    package var port: Int
    package var authentication: AuthenticationConfiguration
    package var limits = APILimits()
    /// How long the answer to a request with an `Idempotency-Key` is kept, in whole seconds.
    package var idempotencyKeyLifetime: Duration = .seconds(24 * 3600)

    package init(host: String, port: Int, authentication: AuthenticationConfiguration) {
        self.host = host
        self.port = port
        self.authentication = authentication
    }
}

/// How tokens are checked (contract.md §3.1).
package struct AuthenticationConfiguration: Sendable, CustomStringConvertible {
    /// Secret; the same for every service on one database.
    package var pepper: String
    package var tokenPrefix = "sk-ac-"
    /// Off on installations whose projects have no real Argon2 hash; the lookup hash alone proves the token then.
    package var verifiesArgon2 = true

    package init(pepper: String) {
        self.pepper = pepper
    }

    /// Without the pepper.
    package var description: String {
        "AuthenticationConfiguration(tokenPrefix: \(self.tokenPrefix), verifiesArgon2: \(self.verifiesArgon2))"
    }
}

/// What one client may take of the server.
package struct APILimits: Sendable {
    /// A larger body is answered 413.
    package var maxBodyBytes = 1 << 20
    /// The same where messages are stored: they bring files.
    package var maxMessageBytes = 16 << 20
    /// Bodies beyond `maxBodyBytes` that are held at one time, all together; more is answered 503. In memory a message
    /// is there several times while it is stored.
    package var maxLargeBodiesBytes: Int { 4 * self.maxMessageBytes }
    /// All header fields of a request together; more is answered 431.
    package var maxHeaderBytes = 32 << 10
    /// More is answered 431.
    package var maxHeaderCount = 100
    /// Further connections wait in the backlog until one closes. Half of the 1,024 files that a process may commonly
    /// open.
    package var maxConnections = 512
    /// Connections that the kernel completes ahead of us.
    package var backlog = 256
    /// A connection on which no request is under way, or whose request stops arriving, is closed after this.
    package var idleTimeout: Duration = .seconds(60)
    /// From a request's head to its answer, at most: body, authentication and database. What is not done a second
    /// before is cut off: 408 if the body is not there, else 503.
    package var requestDeadline: Duration = .seconds(10)
    /// The same for a flush: what CORE may take, and some seconds more.
    package var flushDeadline: Duration = CoreClient.timeout + .seconds(10)
    /// How long a client that was answered before it had sent everything may go on sending. An immediate close would
    /// make its kernel drop the answer.
    package var lingerTimeout: Duration = .seconds(2)

    package init() {}
}
