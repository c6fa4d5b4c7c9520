import CRabbitMQ

/// Memory for the strings and tables that one rabbitmq-c call borrows.
///
/// The library keeps pointers to arguments only until the call returns; ``recycle()`` afterwards keeps the pages.
@safe
final class ArgumentPool {
    private var pool = unsafe amqp_pool_t()
    private static let pageBytes = 4096

    init() { unsafe init_amqp_pool(&self.pool, Self.pageBytes) }
    deinit { unsafe empty_amqp_pool(&self.pool) }

    func recycle() { unsafe recycle_amqp_pool(&self.pool) }

    /// Valid until ``recycle()``.
    func bytes(_ string: String) -> amqp_bytes_t {
        var string = string
        return string.withUTF8 { utf8 in
            var copy = unsafe amqp_bytes_t()
            unsafe amqp_pool_alloc_bytes(&self.pool, utf8.count, &copy)
            if let source = utf8.baseAddress, let target = unsafe copy.bytes {
                unsafe target.copyMemory(from: source, byteCount: utf8.count)
            }
            return unsafe copy
        }
    }

    /// Valid until ``recycle()``.
    func table(_ headers: [String: RabbitMQHeader]) -> amqp_table_t {
        unsafe self.table(
            headers.map { name, value in
                var field = unsafe amqp_field_value_t()
                switch value {
                case .string(let text):
                    unsafe field.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
                    unsafe field.value.bytes = self.bytes(text)
                case .int(let number):
                    unsafe field.kind = UInt8(AMQP_FIELD_KIND_I64.rawValue)
                    unsafe field.value.i64 = number
                case .bool(let flag):
                    unsafe field.kind = UInt8(AMQP_FIELD_KIND_BOOLEAN.rawValue)
                    unsafe field.value.boolean = flag ? 1 : 0
                }
                return unsafe amqp_table_entry_t(key: self.bytes(name), value: field)
            }
        )
    }

    /// What the client tells about itself at login. rabbitmq-c does not announce `connection.blocked` by itself.
    /// Source: <https://www.rabbitmq.com/docs/connections#capabilities>.
    func clientProperties(name: String) -> amqp_table_t {
        var capabilities = unsafe amqp_field_value_t()
        unsafe capabilities.kind = UInt8(AMQP_FIELD_KIND_TABLE.rawValue)
        unsafe capabilities.value.table = self.table([
            "connection.blocked": .bool(true), "publisher_confirms": .bool(true), "basic.nack": .bool(true),
            "consumer_cancel_notify": .bool(true),
        ])
        var connectionName = unsafe amqp_field_value_t()
        unsafe connectionName.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
        unsafe connectionName.value.bytes = self.bytes(name)
        return unsafe self.table([
            amqp_table_entry_t(key: self.bytes("capabilities"), value: capabilities),
            amqp_table_entry_t(key: self.bytes("connection_name"), value: connectionName),
        ])
    }

    private func table(_ entries: [amqp_table_entry_t]) -> amqp_table_t {
        let byteCount = unsafe entries.count * MemoryLayout<amqp_table_entry_t>.stride
        guard let memory = unsafe amqp_pool_alloc(&self.pool, byteCount) else { return unsafe amqp_empty_table }
        let target = unsafe memory.bindMemory(to: amqp_table_entry_t.self, capacity: entries.count)
        for index in unsafe entries.indices { unsafe (target + index).initialize(to: entries[index]) }
        return unsafe amqp_table_t(num_entries: Int32(entries.count), entries: target)
    }
}
