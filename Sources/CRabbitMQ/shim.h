#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/eventfd.h>

// amqp_login_with_properties is variadic, which Swift cannot call.
static inline amqp_rpc_reply_t crabbitmq_login_plain(amqp_connection_state_t connection, char const *vhost,
                                                     int channel_max, int frame_max, int heartbeat,
                                                     const amqp_table_t *properties, char const *username,
                                                     char const *password) {
  return amqp_login_with_properties(connection, vhost, channel_max, frame_max, heartbeat, properties,
                                    AMQP_SASL_METHOD_PLAIN, username, password);
}

// rabbitmq-c compares only DNS names with the certificate; an address is checked by OpenSSL itself.
// Returns 1 when the address was taken.
static inline int crabbitmq_expect_ip_address(amqp_socket_t *socket, char const *address) {
  SSL_CTX *context = (SSL_CTX *)amqp_ssl_socket_get_context(socket);
  return X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(context), address);
}
