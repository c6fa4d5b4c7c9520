import Glibc

/// Starts a thread that ends with `body`; nobody joins it.
///
/// - Throws: `.unavailable` when the system has no thread left.
func startThread(_ body: @escaping @Sendable () -> Void) throws(PostgresError) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }
    let box = unsafe Unmanaged.passRetained(Box(body: body))
    var thread = pthread_t()
    let status = unsafe pthread_create(
        &thread,
        nil,
        { context in
            guard let context = unsafe context else { return nil }
            unsafe Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
            return nil
        },
        box.toOpaque()
    )
    guard status == 0 else {
        unsafe box.release()
        throw PostgresError(.unavailable, reason: "no thread left, error \(status)")
    }
    pthread_detach(thread)
}
