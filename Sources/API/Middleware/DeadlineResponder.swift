package import Hummingbird

/// Cancels a request that is still under way at its deadline; whatever waits in it then fails and becomes the answer.
///
/// It waits for that failure, because a statement may have committed: an answer that is ready by then is given.
package struct DeadlineResponder: HTTPResponder {
    let base: RouterResponder<RelayContext>
    let deadline: Duration

    package func respond(to request: Request, context: RelayContext) async throws -> Response {
        try await withThrowingTaskGroup(of: Response?.self) { group in
            group.addTask { try await self.base.respond(to: request, context: context) }
            group.addTask {
                // Cancelled when the answer comes first, which is no failure.
                try? await Task.sleep(for: self.deadline)
                return nil
            }
            defer { group.cancelAll() }
            while let finished = try await group.next() {
                if let finished { return finished }
                group.cancelAll()
            }
            throw CancellationError()
        }
    }
}
