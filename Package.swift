// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
    .enableUpcomingFeature("ExistentialAny"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
    .enableUpcomingFeature("MemberImportVisibility"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
    .enableUpcomingFeature("InternalImportsByDefault"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0461-async-function-isolation.md
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0443-warning-control-flags.md
    .treatAllWarnings(as: .error),
]

// The two clients also mark every use of a C pointer.
// https://github.com/swiftlang/swift-evolution/blob/main/proposals/0458-strict-memory-safety.md
let clientSettings: [SwiftSetting] = settings + [.strictMemorySafety()]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
// What Hummingbird is built on, for the handler that guards its connections.
let http: [Target.Dependency] = [
    hummingbird,
    .product(name: "HummingbirdCore", package: "hummingbird"),
    .product(name: "HTTPTypes", package: "swift-http-types"),
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
]

let package = Package(
    name: "skillrelay",
    products: [.executable(name: "skillrelay", targets: ["skillrelay"])],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: [.defaults, "YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
        .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
        .target(
            name: "Postgres",
            dependencies: ["CLibPQ", logging, lifecycle, crypto],
            swiftSettings: clientSettings
        ),
        .target(
            name: "RabbitMQ",
            dependencies: ["CRabbitMQ", logging],
            swiftSettings: clientSettings
        ),
        .target(
            name: "Outbox",
            dependencies: ["Postgres", "RabbitMQ", logging, lifecycle],
            swiftSettings: settings
        ),
        .target(
            name: "Tasks",
            dependencies: ["Outbox", "Postgres"],
            swiftSettings: settings
        ),
        .target(
            name: "API",
            dependencies: ["Tasks", "Postgres", "CArgon2", logging, lifecycle, crypto] + http,
            swiftSettings: settings
        ),
        .target(name: "Telemetry", dependencies: [logging], swiftSettings: settings),
        .target(
            name: "App",
            dependencies: [
                "API", "Tasks", "Outbox", "Postgres", "RabbitMQ", "Telemetry", hummingbird, logging, lifecycle,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("Resources/migrations")],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "skillrelay",
            dependencies: [
                "App", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "Bench",
            dependencies: [
                "Postgres", "RabbitMQ", logging, .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Support",
            dependencies: ["Postgres", "RabbitMQ", logging],
            path: "Tests/Support",
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgresTests",
            dependencies: [
                "Postgres", "Support", lifecycle, logging, .product(name: "InMemoryLogging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RabbitMQTests",
            dependencies: ["CRabbitMQ", "RabbitMQ", "Support"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "OutboxTests",
            dependencies: ["Outbox", "Support", .product(name: "InMemoryLogging", package: "swift-log")],
            swiftSettings: settings
        ),
        .testTarget(name: "TasksTests", dependencies: ["Tasks", "Support"], swiftSettings: settings),
        .testTarget(
            name: "APITests",
            dependencies: ["API", "Postgres", "Tasks", "Support", lifecycle, logging] + http,
            swiftSettings: settings
        ),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry"], swiftSettings: settings),
        .testTarget(
            name: "AppTests",
            dependencies: ["App", "API", "Outbox", "Postgres", "RabbitMQ", "Telemetry", "Support", "skillrelay"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "FailureTests",
            dependencies: ["Postgres", "RabbitMQ", "Support", "skillrelay"],
            path: "Tests/Failure",
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)
