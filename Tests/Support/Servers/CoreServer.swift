import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// Plays Acontext CORE's HTTP side: keeps what it is asked, and does with each request as the test wants.
package final class CoreServer: Sendable {
    package struct Call: Sendable, Hashable {
        package let method: String
        package let path: String
        package let contentLength: String?
        package let body: String
    }

    package enum Behaviour: Sendable {
        case answer(String, status: Int = 200, after: Duration = .zero)
        /// Takes the request and closes the connection.
        case hangUp
        /// Works until the caller has gone.
        case neverAnswer
    }

    private struct State {
        var behaviour: Behaviour
        var calls: [Call] = []
        var abandoned = 0
    }

    private let state: Mutex<State>

    fileprivate init(_ behaviour: Behaviour) {
        self.state = Mutex(State(behaviour: behaviour))
    }

    package var calls: [Call] { self.state.withLock { $0.calls } }
    /// How many callers have gone before they were answered.
    package var abandonedCount: Int { self.state.withLock { $0.abandoned } }

    package func behave(_ behaviour: Behaviour) {
        self.state.withLock { $0.behaviour = behaviour }
    }

    fileprivate func respond(to request: Hummingbird.Request, on channel: any Channel) async throws -> Response {
        if case .neverAnswer = self.state.withLock({ $0.behaviour }) {
            self.note(request, body: "")
            // Ended by the caller, or by the test.
            try? await cancelWhenGracefulShutdown {
                try await request.body.consumeWithCancellationOnInboundClose { _ in
                    try await Task.sleep(for: .seconds(600))
                }
            }
            self.state.withLock { $0.abandoned += 1 }
            return Response(status: .ok)
        }
        let body = try await request.body.collect(upTo: 1 << 20)
        self.note(request, body: String(buffer: body))
        switch self.state.withLock({ $0.behaviour }) {
        case .answer(let text, let status, let delay):
            try await Task.sleep(for: delay)
            return Response(
                status: .init(code: status), headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text))
            )
        case .hangUp, .neverAnswer:
            try await channel.close()
            return Response(status: .ok)
        }
    }

    private func note(_ request: Hummingbird.Request, body: String) {
        let call = Call(
            method: request.method.rawValue, path: request.uri.string, contentLength: request.headers[.contentLength],
            body: body
        )
        self.state.withLock { $0.calls.append(call) }
    }
}

private struct CoreContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.channel = source.channel
    }
}

/// Lends a CORE that listens at a URL.
package func withCoreServer<Result: Sendable>(
    _ behaviour: CoreServer.Behaviour = .answer(#"{"status":200,"errmsg":""}"#),
    _ body: @Sendable (CoreServer, _ url: String) async throws -> Result
) async throws -> Result {
    let core = CoreServer(behaviour)
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let application = Application(
        responder: CallbackResponder<CoreContext> { request, context in
            try await core.respond(to: request, on: context.channel)
        },
        configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { channel in port.yield(channel.localAddress?.port ?? 0) },
        logger: Logger(label: "core") { _ in SwiftLogNoOpLogHandler() }
    )
    let group = ServiceGroup(services: [application], logger: Logger(label: "core") { _ in SwiftLogNoOpLogHandler() })
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { port.finish() }
            try await group.run()
        }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else { throw TestError("CORE's part cannot be played: no port") }
        do {
            let result = try await body(core, "http://127.0.0.1:\(port)")
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return result
        } catch {
            await group.triggerGracefulShutdown()
            throw error
        }
    }
}
