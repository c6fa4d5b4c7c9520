import API
import Configuration
import Outbox
import S3

/// Everything `serve` needs to know, read and checked before anything is started.
///
/// ## Configuration keys
///
/// - `skillrelay.role` (string, default `all`): `all`, `api` (no relay) or `relay` (no API besides health and metrics).
/// - `skillrelay.host` (string, default `127.0.0.1`): the address to listen on.
/// - `skillrelay.port` (integer, default 8029): from 0 to 65535; 0 picks a free one.
/// - `skillrelay.databasePoolSize` (integer, default 8): from 1 to 200 connections.
/// - `s3.bucket` (string, optional): see `S3Configuration`.
/// - `root.apiBearerToken` (string, optional, secret): the default project's token, without its prefix.
/// - `skillrelay.adminToken` (string, optional, secret): see `OperatorToken`.
/// - `artifact.maxUploadSizeBytes` (integer, default 16777216): from 1 MiB to 64 MiB.
/// - `skillrelay.idempotencyKeyHours` (integer, default 24): from 1 to 720.
/// - `skillrelay.readyMaxAgeS` (integer, seconds, default 300): from 0 to 604800; 0 for no limit.
/// - `skillrelay.retentionDays` (integer, default 30): see `Retention`.
/// - `core.baseUrl` (string, optional), `skillrelay.messageEvents` (boolean, default `true`): see `ExtractionConfiguration`.
struct ServeConfiguration: Sendable {
    enum Role: String, CaseIterable, Sendable {
        case all
        case api
        case relay

        var relays: Bool { self != .api }
        var servesAPI: Bool { self != .relay }
    }

    let role: Role
    let host: String
    let port: Int
    let database: DatabaseConfiguration
    let poolSize: Int
    /// Nil in the role `api`, which has no business with the broker.
    let broker: BrokerConfiguration?
    let relay: RelayConfiguration
    /// Nil: the parts of messages are in the database.
    let objectStore: S3Configuration?
    let authentication: AuthenticationConfiguration
    let defaultProjectToken: String?
    /// Nil: the operator's endpoints are off.
    let operatorToken: OperatorToken?
    /// Of the body that brings a message and its files.
    let maxMessageBytes: Int
    let idempotencyKeyLifetime: Duration
    /// How long a due event may wait before `/ready` says no; nil: however long.
    let maxEventAge: Duration?
    let retention: Retention
    let extraction: ExtractionConfiguration

    init(config: ConfigReader) throws(ConfigurationError) {
        self.role = try config.choice(.role)
        self.host = try config.requiredText(.host)
        self.port = try config.integer(.port, in: 0...65_535)
        self.database = try DatabaseConfiguration(config: config)
        self.poolSize = try config.integer(.databasePoolSize, in: 1...200)
        self.broker = self.role.relays ? try BrokerConfiguration(config: config) : nil
        self.relay = try RelayConfiguration(config: config)
        self.objectStore = try S3Configuration(config: config)
        self.authentication = try AuthenticationConfiguration(config: config)
        let token = try config.text(.rootToken)
        self.defaultProjectToken = token.isEmpty ? nil : token
        self.operatorToken = try OperatorToken(config: config)
        self.maxMessageBytes = try config.integer(.maxUploadSize, in: 1 << 20...64 << 20)
        self.idempotencyKeyLifetime = .seconds(3600 * (try config.integer(.idempotencyKeyHours, in: 1...720)))
        let maxEventAge = try config.integer(.readyMaxAge, in: 0...604_800)
        self.maxEventAge = maxEventAge == 0 ? nil : .seconds(maxEventAge)
        self.retention = try Retention(config: config)
        self.extraction = try ExtractionConfiguration(config: config)
    }
}
