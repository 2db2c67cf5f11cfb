"""The sandbox back ends; `repos.sandbox.select` names them."""
