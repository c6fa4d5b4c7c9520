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
// The API only, as of swift-log: what measures knows of no backend.
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let metricsTestKit = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
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
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
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
            dependencies: ["CLibPQ", logging, metrics, lifecycle, crypto],
            swiftSettings: clientSettings
        ),
        .target(
            name: "RabbitMQ",
            dependencies: ["CRabbitMQ", logging],
            swiftSettings: clientSettings
        ),
        .target(
            name: "Outbox",
            dependencies: ["Postgres", "RabbitMQ", logging, metrics, lifecycle],
            swiftSettings: settings
        ),
        .target(name: "JSON", swiftSettings: settings),
        .target(
            name: "S3",
            dependencies: [
                httpClient, crypto, logging, lifecycle, .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Tasks",
            dependencies: [
                "Outbox", "Postgres", "S3", "JSON", httpClient, logging, lifecycle,
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        // Embedding takes a second for each 4 KB: apart from what changes more often.
        .target(
            name: "Assets",
            resources: [.embedInCode("Resources")],
            swiftSettings: settings
        ),
        .target(
            name: "API",
            dependencies: [
                "Assets", "Tasks", "JSON", "Outbox", "Postgres", "CArgon2", logging, metrics, lifecycle, crypto,
            ] + http,
            swiftSettings: settings
        ),
        .target(name: "Telemetry", dependencies: [logging, metrics], swiftSettings: settings),
        .target(
            name: "App",
            dependencies: [
                "API", "Tasks", "S3", "Outbox", "Postgres", "RabbitMQ", "Telemetry", hummingbird, logging, metrics,
                lifecycle,
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
            dependencies: [
                "Postgres", "RabbitMQ", logging, lifecycle, hummingbird,
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/Support",
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgresTests",
            dependencies: [
                "Postgres", "Support", lifecycle, logging, metrics, metricsTestKit,
                .product(name: "InMemoryLogging", package: "swift-log"),
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
            dependencies: [
                "Outbox", "Support", metrics, metricsTestKit, .product(name: "InMemoryLogging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: settings),
        .testTarget(
            name: "S3Tests",
            dependencies: [
                "S3", "Support", httpClient, lifecycle, logging, .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "TasksTests", dependencies: ["Tasks", "JSON", "S3", "Support"], swiftSettings: settings),
        .testTarget(
            name: "APITests",
            dependencies: [
                "API", "Assets", "Outbox", "Postgres", "Tasks", "JSON", "S3", "Support", lifecycle, logging, metrics,
                metricsTestKit,
                .product(name: "NIOPosix", package: "swift-nio"),
            ] + http,
            swiftSettings: settings
        ),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", metrics], swiftSettings: settings),
        .testTarget(
            name: "AppTests",
            dependencies: ["App", "API", "Outbox", "Postgres", "RabbitMQ", "S3", "Telemetry", "Support", "skillrelay"],
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
