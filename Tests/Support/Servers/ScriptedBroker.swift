import Foundation
import Glibc
import Synchronization

/// A broker that speaks AMQP 0-9-1 as far as a confirming publisher needs it, and answers publishes as a test tells it to: late, out of
/// order, in the negative, not at all, or with nonsense.
///
/// It takes every login, channel and exchange. Every connection has the same script.
package final class ScriptedBroker: Sendable {
    /// A message as it arrived.
    package struct Publish: Sendable {
        /// Counts connections from 1 on.
        package let connection: Int
        /// Counts from 1 on in each channel.
        package let tag: UInt64
        package let exchange: String
        package let routingKey: String
        package let isMandatory: Bool
        package let messageID: String
        package let body: [UInt8]
    }

    /// What the broker says next.
    package indirect enum Reply: Sendable {
        case ack(UInt64, multiple: Bool = false)
        case nack(UInt64, multiple: Bool = false)
        /// The message as unroutable: 312 NO_ROUTE.
        case returned(Publish)
        case closeChannel(UInt16, String)
        case closeConnection(UInt16, String)
        case blocked(String)
        case unblocked
        case bytes([UInt8])
        /// The first bytes of a reply, and then a reset.
        case cut(Reply, afterBytes: Int)
    }

    package typealias Script = @Sendable (Publish) -> [Reply]

    private struct State {
        var connections: [ScriptedBrokerConnection] = []
        var published: [Publish] = []
    }

    package let port: Int
    private let listener: Int32
    private let script: Script
    private let state = Mutex(State())

    fileprivate init(_ script: @escaping Script) throws {
        self.script = script
        self.listener = try LoopbackSocket.bound(to: "127.0.0.1", port: 0)
        self.port = LoopbackSocket.port(of: self.listener)
        listen(self.listener, 16)
        // Threads of their own for blocking calls; they end when their sockets are shut down.
        Thread.detachNewThread { [listener] in
            while case let client = accept(listener, nil, nil), client >= 0 { self.serve(client) }
            Glibc.close(listener)
        }
    }

    package var url: String { "amqp://guest:guest@127.0.0.1:\(self.port)" }

    /// Everything that has arrived, in order.
    package var published: [Publish] { self.state.withLock { $0.published } }

    /// How many connections there were.
    package var connectionCount: Int { self.state.withLock { $0.connections.count } }

    /// Says something on the latest connection without being asked.
    package func say(_ replies: Reply...) {
        let connection = self.state.withLock { $0.connections.last }
        for reply in replies { connection?.say(reply) }
    }

    private func serve(_ client: Int32) {
        LoopbackSocket.setNoDelay(client)
        let connection = self.state.withLock { state in
            let connection = ScriptedBrokerConnection(client, number: state.connections.count + 1)
            state.connections.append(connection)
            return connection
        }
        Thread.detachNewThread {
            connection.serve { publish in
                self.state.withLock { $0.published.append(publish) }
                return self.script(publish)
            }
        }
    }

    fileprivate func stop() {
        shutdown(self.listener, Int32(SHUT_RDWR))
        for connection in self.state.withLock({ $0.connections }) { connection.cut() }
    }
}

/// Lends a broker that answers each publish by `script`, which runs on the connection's thread.
package func withScriptedBroker<Result>(
    _ script: @escaping ScriptedBroker.Script = { [.ack($0.tag)] },
    _ body: (ScriptedBroker) async throws -> Result
) async throws -> Result {
    let broker = try ScriptedBroker(script)
    defer { broker.stop() }
    return try await body(broker)
}
