/// Waits until a condition holds, asking every 20 ms: for effects that nothing signals to a test.
///
/// - Parameters:
///   - what: What is waited for, as it reads after "not within 10 seconds:".
///   - limit: How long to wait at most.
///   - condition: Asked again and again; what it throws ends the wait.
/// - Throws: ``TestError`` when the time is up, `CancellationError` when the test is cancelled.
package func eventually(
    _ what: String,
    within limit: Duration = .seconds(20),
    _ condition: () async throws -> Bool
) async throws {
    _ = try await eventually(what, within: limit) { try await condition() ? () : nil }
}

/// Waits until there is a value, and returns it: as above.
package func eventually<Value>(
    _ what: String,
    within limit: Duration = .seconds(20),
    value: () async throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    while true {
        if let found = try await value() {
            return found
        }
        guard clock.now < deadline else {
            throw TestError("not within \(limit): \(what)")
        }
        try await clock.sleep(for: .milliseconds(20))
    }
}
