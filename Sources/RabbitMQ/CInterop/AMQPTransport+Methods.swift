import CRabbitMQ

// Methods that wait for the broker's answer. A refusal closes the channel; it is answered here.
extension AMQPTransport {
    func openChannel(_ channel: UInt16) throws(RabbitMQError) {
        unsafe amqp_channel_open(self.connection, channel)
        try self.finish("opening a channel", channel)
    }

    func closeChannel(_ channel: UInt16) throws(RabbitMQError) {
        let reply = unsafe amqp_channel_close(self.connection, channel, AMQP_REPLY_SUCCESS)
        try unsafe self.check(reply, errno: 0, "closing a channel failed")
    }

    /// From now on publishes on the channel are numbered from 1 and confirmed.
    func selectConfirms(_ channel: UInt16) throws(RabbitMQError) {
        unsafe amqp_confirm_select(self.connection, channel)
        try self.finish("switching to publisher confirms", channel)
    }

    /// - Returns: How many messages wait in the queue, for a queue declaration; else zero.
    func perform(_ operation: TopologyOperation, on channel: UInt16) throws(RabbitMQError) -> UInt32 {
        defer { self.arguments.recycle() }
        var messageCount: UInt32 = 0
        switch operation {
        case .declareExchange(let name, let type, let durable, let passive):
            unsafe amqp_exchange_declare(
                self.connection,
                channel,
                self.arguments.bytes(name),
                self.arguments.bytes(type),
                passive ? 1 : 0,
                durable ? 1 : 0,
                0,
                0,
                amqp_empty_table
            )
        case .declareQueue(let name, let passive, let durable, let exclusive, let autoDelete, let arguments):
            let answer = unsafe amqp_queue_declare(
                self.connection,
                channel,
                self.arguments.bytes(name),
                passive ? 1 : 0,
                durable ? 1 : 0,
                exclusive ? 1 : 0,
                autoDelete ? 1 : 0,
                self.arguments.table(arguments)
            )
            messageCount = unsafe answer?.pointee.message_count ?? 0
        case .bindQueue(let queue, let exchange, let routingKey):
            unsafe amqp_queue_bind(
                self.connection,
                channel,
                self.arguments.bytes(queue),
                self.arguments.bytes(exchange),
                self.arguments.bytes(routingKey),
                amqp_empty_table
            )
        case .deleteQueue(let name):
            unsafe amqp_queue_delete(self.connection, channel, self.arguments.bytes(name), 0, 0)
        case .deleteExchange(let name):
            unsafe amqp_exchange_delete(self.connection, channel, self.arguments.bytes(name), 0)
        }
        try self.finish(operation.name, channel)
        return messageCount
    }

    /// Starts a consumer with manual acks on a channel of its own.
    func consume(_ queue: String, prefetch: UInt16, on channel: UInt16) throws(RabbitMQError) {
        defer { self.arguments.recycle() }
        unsafe amqp_basic_qos(self.connection, channel, 0, prefetch, 0)
        try self.finish("setting the prefetch count", channel)
        unsafe amqp_basic_consume(
            self.connection,
            channel,
            self.arguments.bytes(queue),
            amqp_empty_bytes,
            0,
            0,
            0,
            amqp_empty_table
        )
        try self.finish("consuming from queue '\(queue)'", channel)
    }

    /// Sends an ack or nack; the broker does not answer it.
    func settle(_ settlement: Settlement, on channel: UInt16) throws(RabbitMQError) {
        let status =
            switch settlement {
            case .ack(let tag, let multiple): unsafe amqp_basic_ack(self.connection, channel, tag, multiple ? 1 : 0)
            case .nack(let tag, let requeue): unsafe amqp_basic_nack(self.connection, channel, tag, 0, requeue ? 1 : 0)
            }
        try self.check(status, "the connection to the broker was lost while acknowledging")
    }

    /// Says goodbye, waiting for the answer.
    func closeConnection() throws(RabbitMQError) {
        let reply = unsafe amqp_connection_close(self.connection, AMQP_REPLY_SUCCESS)
        try unsafe self.check(reply, errno: 0, "closing the connection failed")
    }

    private func finish(_ what: String, _ channel: UInt16) throws(RabbitMQError) {
        do {
            try self.checkReply("\(what) failed")
        } catch {
            if error.code == .channelClosed { try self.confirmClose(channel: channel) }
            throw error
        }
    }
}
