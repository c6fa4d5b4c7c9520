package import Hummingbird
import NIOCore
import Postgres

/// Cancels a request in time for it to be answered by its deadline; whatever waits in it then fails and becomes the
/// answer.
///
/// It waits for that failure, because a statement may have committed: an answer that is ready by then is given.
package struct DeadlineResponder: HTTPResponder {
    let base: RouterResponder<RelayContext>
    let limits: APILimits

    /// What a cancelled request may still take: the grace of its connection to the database, and as much for all the
    /// rest.
    private static let reserve = PostgresConfiguration.graceForCancel * 2

    package func respond(to request: Request, context: RelayContext) async throws -> Response {
        // Owned by this call, which awaits it. A task of its own, so that it can be cancelled and its connection live on.
        let eventLoop = context.channel.eventLoop
        let work = Task(executorPreference: EventLoopExecutor(eventLoop)) {
            try await self.base.respond(to: request, context: context)
        }
        // The event loop's timers cost next to nothing and are gone when cancelled; a sleeping task's stays until it is due.
        let deadline = FlushController.isFlush(request) ? self.limits.flushDeadline : self.limits.requestDeadline
        let delay = max(deadline - Self.reserve, deadline / 2)
        let timer = eventLoop.scheduleTask(in: TimeAmount(delay)) { work.cancel() }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            work.cancel()
        }
    }
}
