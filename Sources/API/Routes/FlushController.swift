import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle
import Tasks

/// `/session/{session_id}/flush` (contract.md §2.4).
struct FlushController: Sendable {
    /// How often it is looked whether the client is still there.
    private static let interval = Duration.seconds(1)

    let flushes: SessionFlush

    var routes: RouteCollection<ProjectContext> {
        RouteCollection(context: ProjectContext.self)
            .post("session/:session_id/flush", use: self.flush)
    }

    /// Whether a request is for this route, which may take longer than the others. Asked of each request, before it is routed.
    static func isFlush(_ request: Request) -> Bool {
        request.method == .post && request.uri.path.hasSuffix("/flush")
    }

    @Sendable
    private func flush(_: Request, context: ProjectContext) async throws -> Response {
        guard let session = pathID(context.parameters.get("session_id")) else { throw RequestError.invalidParameter }
        let result = try await Self.whileWanted(on: context.channel) {
            try await self.flushes.flush(session: session, project: context.project.id)
        }
        return Envelope.data { json in
            json.object { json in
                json.member("status", result.status)
                json.member("errmsg", result.message)
            }
        }
    }

    /// Cancels what may take minutes when the service is told to stop, or the client has gone.
    private static func whileWanted<R: Sendable>(
        on channel: any Channel, _ body: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: R.self) { group in
                group.addTask { try await body() }
                group.addTask {
                    while await !channel.isInputClosed { try await Task.sleep(for: Self.interval) }
                    throw CancellationError()
                }
                defer { group.cancelAll() }
                guard let result = try await group.next() else { throw CancellationError() }
                return result
            }
        }
    }
}
