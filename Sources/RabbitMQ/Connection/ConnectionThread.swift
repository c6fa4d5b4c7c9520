import Glibc

/// Runs work on a thread of its own: calls that block must never run on the cooperative pool.
enum ConnectionThread {
    private final class Work: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a detached thread; it ends when the work returns.
    ///
    /// - Parameter run: The work.
    /// - Throws: `.unreachable` when the system has no thread left.
    static func start(_ run: @escaping @Sendable () -> Void) throws(RabbitMQError) {
        let work = unsafe Unmanaged.passRetained(Work(run))
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            work.toOpaque()
        )
        guard status == 0 else {
            unsafe work.release()
            throw RabbitMQError(.unreachable, "no thread for the connection, errno \(status)")
        }
        pthread_detach(thread)
    }
}
