/// Runs `body`, then `afterwards`, also when `body` throws or its task was cancelled. The body's error goes first.
func cleaningUp<Result>(
    _ body: () async throws -> Result,
    afterwards: @escaping @Sendable () async throws -> Void
) async throws -> Result {
    let result: Result
    do {
        result = try await body()
    } catch {
        // In a task of its own, which the test's cancellation does not reach.
        _ = await Task { try await afterwards() }.result
        throw error
    }
    try await Task { try await afterwards() }.value
    return result
}
