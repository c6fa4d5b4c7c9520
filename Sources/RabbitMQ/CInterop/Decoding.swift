import CRabbitMQ

// rabbitmq-c's decoded values live until the next release of its buffers, so everything is copied out here.

extension String {
    /// Copies; broken UTF-8 is repaired.
    @unsafe
    init(_ bytes: amqp_bytes_t) {
        self = unsafe String(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }
}

extension RabbitMQHeader {
    /// Nothing for kinds that this client has no case for.
    @unsafe
    init?(_ field: amqp_field_value_t) {
        let value = unsafe field.value
        switch unsafe amqp_field_value_kind_t(UInt32(field.kind)) {
        case AMQP_FIELD_KIND_UTF8: self = unsafe .string(String(value.bytes))
        case AMQP_FIELD_KIND_BOOLEAN: self = unsafe .bool(value.boolean != 0)
        case AMQP_FIELD_KIND_I8: self = unsafe .int(Int64(value.i8))
        case AMQP_FIELD_KIND_U8: self = unsafe .int(Int64(value.u8))
        case AMQP_FIELD_KIND_I16: self = unsafe .int(Int64(value.i16))
        case AMQP_FIELD_KIND_U16: self = unsafe .int(Int64(value.u16))
        case AMQP_FIELD_KIND_I32: self = unsafe .int(Int64(value.i32))
        case AMQP_FIELD_KIND_U32: self = unsafe .int(Int64(value.u32))
        case AMQP_FIELD_KIND_I64: self = unsafe .int(value.i64)
        case AMQP_FIELD_KIND_U64:
            guard let number = unsafe Int64(exactly: value.u64) else { return nil }
            self = .int(number)
        default: return nil
        }
    }

    @unsafe
    static func table(_ table: amqp_table_t) -> [String: RabbitMQHeader] {
        var headers: [String: RabbitMQHeader] = [:]
        let entries = unsafe UnsafeBufferPointer(start: table.entries, count: Int(table.num_entries))
        for index in entries.indices {
            headers[unsafe String(entries[index].key)] = unsafe RabbitMQHeader(entries[index].value)
        }
        return headers
    }
}

extension RabbitMQMessage {
    /// Takes over the properties that this client knows.
    @unsafe
    mutating func read(_ properties: amqp_basic_properties_t) {
        let flags = unsafe properties._flags
        func text(_ flag: Int32, _ bytes: amqp_bytes_t) -> String? {
            flags & UInt32(flag) == 0 ? nil : unsafe String(bytes)
        }
        self.messageID = unsafe text(AMQP_BASIC_MESSAGE_ID_FLAG, properties.message_id) ?? ""
        self.type = unsafe text(AMQP_BASIC_TYPE_FLAG, properties.type)
        self.contentType = unsafe text(AMQP_BASIC_CONTENT_TYPE_FLAG, properties.content_type)
        self.appID = unsafe text(AMQP_BASIC_APP_ID_FLAG, properties.app_id)
        if flags & UInt32(AMQP_BASIC_TIMESTAMP_FLAG) != 0 { self.timestamp = unsafe properties.timestamp }
        if flags & UInt32(AMQP_BASIC_HEADERS_FLAG) != 0 {
            self.headers = unsafe RabbitMQHeader.table(properties.headers)
        }
    }
}
