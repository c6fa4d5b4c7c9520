extension Result where Failure == any Error {
    /// Keeps what `body` returns or throws, for when something must be closed in between.
    init(catching body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
