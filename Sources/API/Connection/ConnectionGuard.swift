import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Ends connections properly, and puts the envelope into the answer to what is no HTTP.
///
/// Hummingbird answers a request it cannot parse with an empty 400, and goes on reading a body for as long as it
/// comes, also after its answer is out; both are decided below the router, so they are mended here.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let lingerTimeout: TimeAmount
    private var state = ConnectionState()
    private var responseCloses = false
    private var parserError: HTTPParserError?
    private var linger: Scheduled<Void>?
    /// The client sends no more.
    fileprivate private(set) var isInputClosed = false

    init(lingerTimeout: Duration) {
        self.lingerTimeout = TimeAmount(lingerTimeout)
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .end = Self.unwrapInboundIn(data) { self.perform(self.state.requestEnded(), context: context) }
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { self.isInputClosed = true }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.parserError = self.parserError ?? error as? HTTPParserError
        context.fireErrorCaught(error)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.linger?.cancel()
    }

    // MARK: Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch Self.unwrapOutboundIn(data) {
        case .head(let head):
            self.responseCloses = head.headerFields[.connection] == "close"
            if let error = self.parserError, self.responseCloses, head.headerFields[.contentLength] == "0" {
                self.writeRefusal(of: error, context: context, promise: promise)
            } else {
                context.write(data, promise: promise)
            }
        case .body:
            context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            self.perform(self.state.responseEnded(closes: self.responseCloses), context: context)
        }
    }

    /// The head and body that stand for Hummingbird's empty 400; its end follows.
    private func writeRefusal(
        of error: HTTPParserError,
        context: ChannelHandlerContext,
        promise: EventLoopPromise<Void>?
    ) {
        let failure: Failure =
            error == .headerOverflow
            ? Failure(.requestHeaderFieldsTooLarge, "request header too large")
            : Failure(.badRequest, "malformed HTTP request")
        let body = Envelope.body(code: failure.code, message: failure.message)
        let head = HTTPResponse(
            status: failure.status,
            headerFields: [
                .contentType: Envelope.contentType, .contentLength: String(body.readableBytes), .connection: "close",
            ]
        )
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(body)), promise: promise)
    }

    // MARK: End

    private func perform(_ action: ConnectionState.Action, context: ChannelHandlerContext) {
        switch action {
        case .nothing:
            break
        case .linger:
            self.scheduleClose(context)
        case .stopLingering:
            self.linger?.cancel()
            self.linger = nil
        case .closeOutput:
            context.flush()
            context.close(mode: .output, promise: nil)
            self.scheduleClose(context)
        }
    }

    private func scheduleClose(_ context: ChannelHandlerContext) {
        guard self.linger == nil else { return }
        self.linger = context.eventLoop.assumeIsolated().scheduleTask(in: self.lingerTimeout) {
            context.close(promise: nil)
        }
    }
}

extension Channel {
    /// Whether the client of this connection has closed its side: a connection that is closed and one that is half closed look alike until
    /// something is written to it.
    var isInputClosed: Bool {
        get async {
            let isClosed = self.eventLoop.submit {
                try self.pipeline.syncOperations.handler(type: ConnectionGuard.self).isInputClosed
            }
            // Without its handlers it is closed for good.
            return (try? await isClosed.get()) ?? true
        }
    }
}
