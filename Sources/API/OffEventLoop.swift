/// Does work that may take long, with documents of megabytes, elsewhere than on a connection's event loop: hundreds of other
/// connections live on it.
func offEventLoop<Result: Sendable>(_ work: @concurrent @Sendable () async throws -> Result) async rethrows -> Result {
    try await withTaskExecutorPreference(globalConcurrentExecutor) { try await work() }
}
