/// Decides when a connection must end although its client is still sending: after an answer that outran its request,
/// or that said `Connection: close`.
struct ConnectionState: Hashable, Sendable {
    enum Action: Hashable, Sendable {
        case nothing
        /// Close unless the request ends in time.
        case linger
        /// The request did end: the connection may go on.
        case stopLingering
        /// Send no more, and close when the client has read the answer, or in time.
        case closeOutput
    }

    private var requestsEnded = 0
    private var responsesEnded = 0
    private var isClosing = false

    mutating func requestEnded() -> Action {
        self.requestsEnded += 1
        return !self.isClosing && self.requestsEnded == self.responsesEnded ? .stopLingering : .nothing
    }

    /// `closes` tells that the response said it is the connection's last.
    mutating func responseEnded(closes: Bool) -> Action {
        self.responsesEnded += 1
        guard !self.isClosing else { return .nothing }
        if closes {
            self.isClosing = true
            return .closeOutput
        }
        return self.responsesEnded > self.requestsEnded ? .linger : .nothing
    }
}
