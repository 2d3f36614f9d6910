"""Events about sign-in, passwords and second factors, in the audit trail of each account of the person."""
