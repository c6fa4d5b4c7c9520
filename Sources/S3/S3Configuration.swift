/// Where objects are kept, as upstream's `S3_*` variables say it (contract.md §3.3). Buckets are the first part of the path ("path
/// style").
package struct S3Configuration: Sendable, CustomStringConvertible {
    /// For our own requests.
    package var endpoint: S3Endpoint
    /// For the URLs that are handed to clients.
    package var publicEndpoint: S3Endpoint
    package var region: String
    package var bucket: String
    package var accessKey: String
    /// Secret.
    package var secretKey: String
    /// How long an operation may take, with all its attempts.
    package var patience: Duration = .seconds(8)
    /// How long one attempt may take.
    package var attemptTimeout: Duration = .seconds(5)

    /// Without a `publicEndpoint` clients are led to the same.
    package init(
        endpoint: S3Endpoint, publicEndpoint: S3Endpoint? = nil, region: String = "auto", bucket: String,
        accessKey: String, secretKey: String
    ) {
        self.endpoint = endpoint
        self.publicEndpoint = publicEndpoint ?? endpoint
        self.region = region
        self.bucket = bucket
        self.accessKey = accessKey
        self.secretKey = secretKey
    }

    /// Without the secret.
    package var description: String { "S3Configuration(endpoint: \(self.endpoint), bucket: \(self.bucket))" }
}
