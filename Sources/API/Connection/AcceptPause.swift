import Glibc
import NIOCore

/// Lets the listening socket rest for a moment when the process has no descriptor left for a connection; those that wait are taken
/// when one is free.
///
/// NIO's own `AcceptBackoffHandler` delays the next read only. The read that failed stays registered, and would be tried again at
/// once, for ever, at the cost of a whole core.
final class AcceptPause: ChannelInboundHandler, Sendable {
    typealias InboundIn = any Channel

    private static let pause = TimeAmount.milliseconds(100)
    /// accept(2): nothing is wrong with the socket.
    private static let shortages = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, Self.shortages.contains(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        let channel = context.channel
        channel.setOption(.autoRead, value: false).whenSuccess {
            channel.eventLoop.scheduleTask(in: Self.pause) { channel.setOption(.autoRead, value: true) }
        }
    }
}
