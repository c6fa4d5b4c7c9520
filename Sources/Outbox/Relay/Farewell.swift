/// What a service does last, and not for long: others wait for their turn to stop.
enum Farewell {
    /// Runs `body`, and cancels it after `limit`.
    static func say(within limit: Duration, _ body: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await body() }
            group.addTask { try? await Task.sleep(for: limit) }  // cancelled: the other has ended
            await group.next()
            group.cancelAll()
        }
    }
}
