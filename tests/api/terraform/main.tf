# A server and its users; what of them is there, and with which values, is in the variables.

variable "endpoint" {}

variable "server" {
  type = object({
    logging_role     = optional(string)
    security_policy  = optional(string)
    before_login     = optional(string)
    after_login      = optional(string)
    log_destinations = optional(list(string))
    tags             = optional(map(string))
  })
}

variable "users" {
  type = map(object({
    role           = string
    type           = optional(string)
    home_directory = optional(string)
    mappings       = optional(list(object({ entry = string, target = string })), [])
    posix_profile  = optional(object({ uid = number, gid = number, secondary_gids = optional(list(number)) }))
    policy         = optional(string)
    tags           = optional(map(string))
  }))
}

variable "keys" {
  type = map(object({ user = string, body = string }))
}

variable "hostname" {}

provider "aws" {
  region = "us-east-1"

  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  endpoints {
    transfer = var.endpoint
  }
}

resource "aws_transfer_server" "server" {
  domain                           = "EFS"
  identity_provider_type           = "SERVICE_MANAGED"
  protocols                        = ["SFTP"]
  logging_role                     = var.server.logging_role
  security_policy_name             = var.server.security_policy
  pre_authentication_login_banner  = var.server.before_login
  post_authentication_login_banner = var.server.after_login
  structured_log_destinations      = var.server.log_destinations
  tags                             = var.server.tags
}

resource "aws_transfer_tag" "hostname" {
  resource_arn = aws_transfer_server.server.arn
  key          = "aws:transfer:customHostname"
  value        = var.hostname
}

resource "aws_transfer_user" "user" {
  for_each = var.users

  server_id           = aws_transfer_server.server.id
  user_name           = each.key
  role                = each.value.role
  home_directory_type = each.value.type
  home_directory      = each.value.home_directory
  policy              = each.value.policy
  tags                = each.value.tags

  dynamic "home_directory_mappings" {
    for_each = each.value.mappings
    content {
      entry  = home_directory_mappings.value.entry
      target = home_directory_mappings.value.target
    }
  }

  dynamic "posix_profile" {
    for_each = each.value.posix_profile[*]
    content {
      uid            = posix_profile.value.uid
      gid            = posix_profile.value.gid
      secondary_gids = posix_profile.value.secondary_gids
    }
  }
}

resource "aws_transfer_ssh_key" "key" {
  for_each = var.keys

  server_id = aws_transfer_server.server.id
  user_name = aws_transfer_user.user[each.value.user].user_name
  body      = each.value.body
}

output "server_id" {
  value = aws_transfer_server.server.id
}
