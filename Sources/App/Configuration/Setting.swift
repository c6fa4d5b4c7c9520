import Configuration

/// One setting: the environment variable, its key in the YAML file, and what it may be.
struct Setting: Sendable {
    let variable: String
    /// The variable's name as `swift-configuration` encodes it: `skillrelay.pollIntervalMs` is `SKILLRELAY_POLL_INTERVAL_MS`.
    let key: String
    /// In the lowest provider, so that reads can be `required…` and a malformed value is never mistaken for a missing one.
    let defaultValue: ConfigContent
    /// A value to copy, for the line that reports a bad one.
    let example: String
    let isSecret: Bool

    private init(
        _ variable: String,
        key: String,
        default defaultValue: ConfigContent = .string(""),
        example: String,
        isSecret: Bool = false
    ) {
        self.variable = variable
        self.key = key
        self.defaultValue = defaultValue
        self.example = example
        self.isSecret = isSecret
    }
}

extension Setting {
    static let file = Setting("SKILLRELAY_CONFIG", key: "skillrelay.config", example: "/etc/skillrelay.yaml")

    static let databaseURL = Setting(
        "DATABASE_URL",
        key: "database.url",
        example: "postgresql://acontext:secret@127.0.0.1:5432/acontext",
        isSecret: true
    )
    static let databasePoolSize = Setting(
        "SKILLRELAY_DATABASE_POOL_SIZE",
        key: "skillrelay.databasePoolSize",
        default: .int(8),
        example: "8"
    )

    static let rabbitMQURL = Setting(
        "RABBITMQ_URL",
        key: "rabbitmq.url",
        example: "amqp://acontext:secret@127.0.0.1:5672/%2F",
        isSecret: true
    )

    static let s3Bucket = Setting("S3_BUCKET", key: "s3.bucket", example: "acontext-assets")
    static let s3Endpoint = Setting("S3_ENDPOINT", key: "s3.endpoint", example: "http://127.0.0.1:9000")
    static let s3InternalEndpoint = Setting(
        "S3_INTERNAL_ENDPOINT", key: "s3.internalEndpoint", example: "http://127.0.0.1:9000"
    )
    static let s3Region = Setting("S3_REGION", key: "s3.region", default: "auto", example: "us-east-1")
    static let s3AccessKey = Setting("S3_ACCESS_KEY", key: "s3.accessKey", example: "acontext", isSecret: true)
    static let s3SecretKey = Setting(
        "S3_SECRET_KEY", key: "s3.secretKey", example: "a-long-random-text", isSecret: true)

    static let host = Setting("SKILLRELAY_HOST", key: "skillrelay.host", default: "127.0.0.1", example: "127.0.0.1")
    static let port = Setting("SKILLRELAY_PORT", key: "skillrelay.port", default: .int(8029), example: "8029")
    static let role = Setting("SKILLRELAY_ROLE", key: "skillrelay.role", default: "all", example: "all")

    static let rootToken = Setting(
        "ROOT_API_BEARER_TOKEN",
        key: "root.apiBearerToken",
        example: "the-part-of-the-key-after-its-prefix",
        isSecret: true
    )
    static let adminToken = Setting(
        "SKILLRELAY_ADMIN_TOKEN",
        key: "skillrelay.adminToken",
        example: "at-least-16-random-characters",
        isSecret: true
    )
    static let pepper = Setting(
        "ROOT_SECRET_PEPPER",
        key: "root.secretPepper",
        example: "a-long-random-text",
        isSecret: true
    )
    static let tokenPrefix = Setting(
        "ROOT_PROJECT_BEARER_TOKEN_PREFIX",
        key: "root.projectBearerTokenPrefix",
        default: "sk-ac-",
        example: "sk-ac-"
    )
    static let verifiesArgon2 = Setting(
        "ENABLE_ARGON2_VERIFICATION",
        key: "enable.argon2.verification",
        default: .bool(true),
        example: "true"
    )

    static let maxUploadSize = Setting(
        "ARTIFACT_MAX_UPLOAD_SIZE_BYTES",
        key: "artifact.maxUploadSizeBytes",
        default: .int(16_777_216),
        example: "16777216"
    )
    static let preparesStatements = Setting(
        "SKILLRELAY_DATABASE_PREPARE",
        key: "skillrelay.databasePrepare",
        default: .bool(true),
        example: "false"
    )

    static let pollInterval = Setting(
        "SKILLRELAY_POLL_INTERVAL_MS",
        key: "skillrelay.pollIntervalMs",
        default: .int(250),
        example: "250"
    )
    static let batchSize = Setting(
        "SKILLRELAY_BATCH_SIZE",
        key: "skillrelay.batchSize",
        default: .int(256),
        example: "256"
    )
    static let relayLanes = Setting(
        "SKILLRELAY_RELAY_LANES",
        key: "skillrelay.relayLanes",
        default: .int(2),
        example: "2"
    )
    static let publishTimeout = Setting(
        "SKILLRELAY_PUBLISH_TIMEOUT_MS",
        key: "skillrelay.publishTimeoutMs",
        default: .int(5000),
        example: "5000"
    )
    static let idempotencyKeyHours = Setting(
        "SKILLRELAY_IDEMPOTENCY_KEY_HOURS",
        key: "skillrelay.idempotencyKeyHours",
        default: .int(24),
        example: "24"
    )
    static let readyMaxAge = Setting(
        "SKILLRELAY_READY_MAX_AGE_S",
        key: "skillrelay.readyMaxAgeS",
        default: .int(300),
        example: "300"
    )
    static let retentionDays = Setting(
        "SKILLRELAY_RETENTION_DAYS",
        key: "skillrelay.retentionDays",
        default: .int(30),
        example: "30"
    )

    static let coreURL = Setting("CORE_BASE_URL", key: "core.baseUrl", example: "http://127.0.0.1:8019")
    static let messageEvents = Setting(
        "SKILLRELAY_MESSAGE_EVENTS",
        key: "skillrelay.messageEvents",
        default: .bool(true),
        example: "true"
    )

    static let logLevel = Setting("SKILLRELAY_LOG_LEVEL", key: "skillrelay.logLevel", default: "info", example: "info")
    static let logFormat = Setting(
        "SKILLRELAY_LOG_FORMAT",
        key: "skillrelay.logFormat",
        default: "text",
        example: "json"
    )

    static let all: [Setting] = [
        .file, .databaseURL, .databasePoolSize, .preparesStatements, .rabbitMQURL, .s3Bucket, .s3Endpoint,
        .s3InternalEndpoint,
        .s3Region, .s3AccessKey, .s3SecretKey, .host, .port, .role, .rootToken,
        .adminToken, .pepper, .tokenPrefix,
        .verifiesArgon2, .maxUploadSize, .pollInterval, .batchSize, .relayLanes, .publishTimeout, .idempotencyKeyHours,
        .readyMaxAge, .retentionDays, .coreURL, .messageEvents,
        .logLevel, .logFormat,
    ]
}
