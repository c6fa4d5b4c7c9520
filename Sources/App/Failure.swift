import ArgumentParser
import Outbox
import Postgres
import RabbitMQ

/// How the process ends when a command could not do its work.
enum ExitStatus: Int32 {
    case failed = 1
    /// EX_USAGE, as the argument parser has it.
    case usage = 64
    /// EX_UNAVAILABLE: a server cannot be reached.
    case unavailable = 69
    /// EX_CONFIG
    case configuration = 78
}

/// What a failed command says on standard error, and its exit status.
struct Failure {
    let status: ExitStatus
    /// One line.
    let message: String

    /// Nil for what the argument parser itself knows how to report: usage errors and requests for help.
    init?(_ error: any Error) {
        guard SkillRelayCommand.exitCode(for: error) == .failure else { return nil }
        let message: String
        switch error {
        case let error as ConfigurationError:
            (self.status, message) = (.configuration, error.description)
        case let error as OperationError:
            if case .invalid = error { self.status = .usage } else { self.status = .failed }
            message = error.description
        case let error as PostgresError:
            (self.status, message) = Self.report(error)
        case let error as RabbitMQError:
            (self.status, message) = Self.report(error)
        default:
            (self.status, message) = (.failed, "\(error)")
        }
        self.message = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private static func report(_ error: PostgresError) -> (ExitStatus, String) {
        switch error.code {
        case .unavailable, .connectionLost: (.unavailable, "PostgreSQL cannot be reached: \(error)")
        case .configuration: (.configuration, "\(ConfigurationError(.databaseURL, error.reason))")
        case .server where error.isSchemaMissing: (.failed, "the tables are missing: run skillrelay migrate first")
        default: (.failed, "\(error)")
        }
    }

    private static func report(_ error: RabbitMQError) -> (ExitStatus, String) {
        switch error.code {
        case .unreachable, .refused, .connectionLost, .timeout:
            (.unavailable, "RabbitMQ cannot be reached: \(error)")
        case .configuration: (.configuration, "\(ConfigurationError(.rabbitMQURL, "\(error)"))")
        default: (.failed, "\(error)")
        }
    }
}

extension PostgresError {
    /// 42P01 undefined_table, 3F000 invalid_schema_name or 42703 undefined_column: `migrate` never ran on this database, or an older one.
    var isSchemaMissing: Bool {
        ["42P01", "3F000", "42703"].contains(self.sqlState?.rawValue)
    }
}
