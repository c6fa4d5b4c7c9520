import Synchronization

/// Deliveries between the connection's thread and the tasks that iterate.
///
/// Bounded by the prefetch count, unless that is zero: the broker sends no more before something is acknowledged.
final class DeliveryQueue: Sendable {
    private typealias Waiter = Reply<RabbitMQDelivery?>

    private struct State {
        var deliveries: [RabbitMQDelivery] = []
        var waiters: [Waiter] = []
        /// Absent while the consumer runs; holds no error when we ended it ourselves.
        var end: Result<RabbitMQDelivery?, RabbitMQError>?
    }

    private let state = Mutex(State())

    func push(_ delivery: RabbitMQDelivery) {
        let waiter: Waiter? = self.state.withLock { state in
            guard state.end == nil else { return nil }
            if !state.waiters.isEmpty { return state.waiters.removeFirst() }
            state.deliveries.append(delivery)
            return nil
        }
        waiter?.fulfil(.success(delivery))
    }

    /// Ends the sequence. Deliveries not yet taken are dropped: the broker delivers them again, and they could no
    /// longer be acknowledged here.
    func finish(_ error: RabbitMQError?) {
        let end: Result<RabbitMQDelivery?, RabbitMQError> = error.map { .failure($0) } ?? .success(nil)
        let waiters: [Waiter] = self.state.withLock { state in
            guard state.end == nil else { return [] }
            defer { state = State(end: end) }
            return state.waiters
        }
        for waiter in waiters { waiter.fulfil(end) }
    }

    /// The next delivery; nothing at the end, or when the calling task is cancelled.
    func next() async throws(RabbitMQError) -> RabbitMQDelivery? {
        let waiter = Waiter()
        let ready: Result<RabbitMQDelivery?, RabbitMQError>? = self.state.withLock { state in
            if let end = state.end { return end }
            if !state.deliveries.isEmpty { return .success(state.deliveries.removeFirst()) }
            state.waiters.append(waiter)
            return nil
        }
        if let ready { return try ready.get() }
        let value = await withTaskCancellationHandler {
            await waiter.value()
        } onCancel: {
            self.abandon(waiter)
        }
        return try value.get()
    }

    /// Only a waiter still in the list is ended, so that no delivery is lost on the way to it.
    private func abandon(_ waiter: Waiter) {
        let isWaiting = self.state.withLock { state in
            guard let index = state.waiters.firstIndex(where: { $0 === waiter }) else { return false }
            state.waiters.remove(at: index)
            return true
        }
        if isWaiting { waiter.fulfil(.success(nil)) }
    }
}
