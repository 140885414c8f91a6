#pragma once
// For tests: a certificate for 127.0.0.1 that signed itself, in files that are gone with it.

#include <cstdio>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace penstock {

class TestCertificate {
  public:
    TestCertificate() {
        std::string pattern = testing::TempDir() + "penstock-certificate-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        EVP_PKEY* key = EVP_EC_gen("P-256");
        X509* certificate = X509_new();
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        X509_NAME* name = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const uint8_t*>("test"), -1, -1,
                                   0);
        X509_set_issuer_name(certificate, name);
        X509_EXTENSION* addresses =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
        X509_add_ext(certificate, addresses, -1);
        X509_EXTENSION_free(addresses);
        X509_sign(certificate, key, EVP_sha256());
        write(certificate_file(), [&](FILE* file) { return PEM_write_X509(file, certificate); });
        write(key_file(), [&](FILE* file) {
            return PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
        });
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
    ~TestCertificate() { std::filesystem::remove_all(folder_); }
    TestCertificate(const TestCertificate&) = delete;
    TestCertificate& operator=(const TestCertificate&) = delete;

    std::string certificate_file() const { return folder_ + "/certificate.pem"; }
    std::string key_file() const { return folder_ + "/key.pem"; }

  private:
    template <typename Writer>
    static void write(const std::string& path, Writer writer) {
        FILE* file = std::fopen(path.c_str(), "w");
        ASSERT_NE(file, nullptr) << path;
        EXPECT_EQ(writer(file), 1);
        std::fclose(file);
    }

    std::string folder_;
};

}  // namespace penstock
