// Each call waits for the broker's answer, at most `operationTimeout`; cancellation does not shorten it. A refusal
// closes only the channel used for topology, which the next call opens again.
extension RabbitMQConnection {
    /// Declares an exchange, or checks that it exists.
    ///
    /// - Parameters:
    ///   - name: The exchange.
    ///   - type: `direct`, `fanout`, `topic` or `headers`.
    ///   - durable: Whether it survives a restart of the broker.
    ///   - passive: Only check that it exists.
    /// - Throws: `.channelClosed` with 404 (passive, missing), 406 (declared differently before) or 403; see ``RabbitMQError``.
    public func declareExchange(
        _ name: String,
        type: String = "direct",
        durable: Bool = true,
        passive: Bool = false
    ) async throws(RabbitMQError) {
        try await self.perform(.declareExchange(name, type: type, durable: durable, passive: passive))
    }

    /// Declares a queue.
    ///
    /// - Parameters:
    ///   - name: The queue.
    ///   - durable: Whether it survives a restart of the broker.
    ///   - exclusive: Whether only this connection may use it; it is deleted with the connection.
    ///   - autoDelete: Whether it is deleted with its last consumer.
    ///   - arguments: The `x-…` arguments; part of what must be equal when declaring again.
    /// - Throws: `.channelClosed` with 406 (declared differently before), 405 or 403; see ``RabbitMQError``.
    public func declareQueue(
        _ name: String,
        durable: Bool = true,
        exclusive: Bool = false,
        autoDelete: Bool = false,
        arguments: [String: RabbitMQHeader] = [:]
    ) async throws(RabbitMQError) {
        try await self.perform(
            .declareQueue(
                name,
                passive: false,
                durable: durable,
                exclusive: exclusive,
                autoDelete: autoDelete,
                arguments: arguments
            )
        )
    }

    /// Asks how many messages wait in a queue, those in consumers' hands not counted.
    ///
    /// The broker's count lags; after a restart it can be too low for seconds.
    /// - Parameter name: The queue.
    /// - Returns: The number of waiting messages.
    /// - Throws: `.channelClosed` with 404 if the queue does not exist; see ``RabbitMQError``.
    public func queueMessageCount(_ name: String) async throws(RabbitMQError) -> Int {
        Int(
            try await self.perform(
                .declareQueue(
                    name,
                    passive: true,
                    durable: false,
                    exclusive: false,
                    autoDelete: false,
                    arguments: [:]
                )
            )
        )
    }

    /// Binds a queue to an exchange. Binding again changes nothing.
    ///
    /// - Parameters:
    ///   - queue: The queue.
    ///   - exchange: The exchange.
    ///   - routingKey: The key whose messages go to the queue.
    /// - Throws: `.channelClosed` with 404 if either is missing; see ``RabbitMQError``.
    public func bindQueue(_ queue: String, exchange: String, routingKey: String) async throws(RabbitMQError) {
        try await self.perform(.bindQueue(queue, exchange: exchange, routingKey: routingKey))
    }

    /// Deletes a queue and what it holds. Deleting a missing one succeeds.
    ///
    /// - Parameter name: The queue.
    /// - Throws: ``RabbitMQError``.
    public func deleteQueue(_ name: String) async throws(RabbitMQError) {
        try await self.perform(.deleteQueue(name))
    }

    /// Deletes an exchange and its bindings. Deleting a missing one succeeds.
    ///
    /// - Parameter name: The exchange.
    /// - Throws: ``RabbitMQError``.
    public func deleteExchange(_ name: String) async throws(RabbitMQError) {
        try await self.perform(.deleteExchange(name))
    }

    @discardableResult
    private func perform(_ operation: TopologyOperation) async throws(RabbitMQError) -> UInt32 {
        if let fault = operation.fault { throw fault }
        let reply = Reply<UInt32>()
        self.mailbox.send(.topology(operation, reply))
        return try await reply.value().get()
    }
}
