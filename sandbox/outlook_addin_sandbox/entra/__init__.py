"""A simulated Microsoft Entra ID: sign-in, tokens and the errors of the v2.0 endpoints."""

from outlook_addin_sandbox.entra.app import Entra
from outlook_addin_sandbox.entra.assertions import Certificate, FederatedCredential
from outlook_addin_sandbox.entra.directory import AppRegistration, Directory, Secret, User

__all__ = ["AppRegistration", "Certificate", "Directory", "Entra", "FederatedCredential", "Secret", "User"]
